import { checkConcertId, checkRoom, checkSessionId } from '../events/check-concert.ts';
import type { Section } from '../events/events.ts';

/** More checks at the same time than there will be. */
const seats = 100;

/**
 * As `reprise catalog import` would take it. Nobody pays for a seat of it: the price is the highest
 * that there is, so that nobody who guesses the id buys its seats by accident.
 */
export const checkConcert = {
  concertId: checkConcertId,
  title: 'Check of the service (not for sale)',
  waitingRoom: checkRoom,
  sessions: [
    {
      sessionId: checkSessionId,
      startsAt: '2999-01-01T00:00:00.000Z',
      salesOpenAt: '2020-01-01T00:00:00.000Z',
      sections: [
        {
          ...{ section: 'A', price: 1_000_000_000_000 },
          rows: [{ row: '1', seats: Array.from({ length: seats }, (_, i) => i + 1) }],
        },
      ] satisfies Section[],
    },
  ],
};
