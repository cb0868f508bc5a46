import { checkConcertId, checkSessionId } from '../events/check-concert.ts';
import type { Section } from '../events/events.ts';

/** The number of seats. It is larger than the number of checks at the same time will ever be. */
const seats = 100;

/**
 * The concert in the form of `reprise catalog import`. Nobody should pay for its seats. The price
 * is the highest possible one, so nobody who guesses the id buys a seat by accident.
 */
export const checkConcert = {
  concertId: checkConcertId,
  title: 'Check of the service (not for sale)',
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
