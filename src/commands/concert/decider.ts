import { isDeepStrictEqual } from 'node:util';
import type { ConcertEvent, EventData, Section } from '../../events/events.ts';
import { accept, type Decider, type Decision } from '../core/decider.ts';
import { noSession, refuse } from '../core/result.ts';

/** A concert with its sessions, by session id. */
export interface ConcertState {
  readonly details: EventData['ConcertRegistered'] | null;
  readonly sessions: ReadonlyMap<string, Session>;
}

/** One evening of a concert. Times are ISO 8601 UTC. */
export type Session = EventData['SessionScheduled'] & { readonly cancelled?: true };

export type ConcertCommand =
  /** Registers the concert, or revises its details. */
  | { readonly type: 'RegisterConcert'; readonly details: EventData['ConcertRegistered'] }
  /**
   * Schedules a session, or changes its times. The seats and prices of a scheduled session cannot
   * change.
   */
  | { readonly type: 'ScheduleSession'; readonly session: Session }
  /** Takes a session off sale for good. Refunds for its buyers follow. */
  | { readonly type: 'CancelSession'; readonly sessionId: string };

/** The effect of the command; `unchanged` if there was nothing to do. */
export type ConcertAnswer = 'created' | 'changed' | 'unchanged';

/** Decides which sessions are on sale. */
export const concertDecider: Decider<ConcertState, ConcertCommand, ConcertEvent, ConcertAnswer> = {
  initial: { details: null, sessions: new Map() },
  evolve,
  decide(command, state) {
    switch (command.type) {
      case 'RegisterConcert':
        return register(command.details, state);
      case 'ScheduleSession':
        return schedule(command.session, state);
      case 'CancelSession':
        return cancel(command.sessionId, state);
    }
  },
};

function evolve(state: ConcertState, event: ConcertEvent): ConcertState {
  switch (event.type) {
    case 'ConcertRegistered':
    case 'ConcertRevised':
      return { ...state, details: event.data };
    case 'SessionScheduled':
      return withSession(state, event.data);
    case 'SessionRescheduled': {
      const session = state.sessions.get(event.data.sessionId);
      return session ? withSession(state, { ...session, ...event.data }) : state;
    }
    case 'SessionCancelled': {
      const session = state.sessions.get(event.data.sessionId);
      return session ? withSession(state, { ...session, cancelled: true }) : state;
    }
  }
}

const withSession = (state: ConcertState, session: Session): ConcertState => ({
  ...state,
  sessions: new Map(state.sessions).set(session.sessionId, session),
});

type ConcertDecision = Decision<ConcertState, ConcertEvent, ConcertAnswer>;

function register(details: EventData['ConcertRegistered'], state: ConcertState): ConcertDecision {
  if (state.details === null) {
    return accept([{ type: 'ConcertRegistered', data: details }], 'created');
  }
  return isDeepStrictEqual(state.details, details)
    ? accept([], 'unchanged')
    : accept([{ type: 'ConcertRevised', data: details }], 'changed');
}

function schedule(session: Session, state: ConcertState): ConcertDecision {
  if (state.details === null) return refuse('concert-not-found', 'register the concert first');
  const known = state.sessions.get(session.sessionId);
  if (known === undefined) {
    return accept([{ type: 'SessionScheduled', data: session }], 'created');
  }
  if (known.cancelled) return refuse('session-cancelled', 'a cancelled session stays cancelled');
  if (known.currency !== session.currency || !sameSeats(known.sections, session.sections)) {
    return refuse(
      'seat-map-changed',
      `session ${session.sessionId} is on sale: its seats and prices can no longer change`,
    );
  }
  const { sessionId, startsAt, salesOpenAt } = session;
  return known.startsAt === startsAt && known.salesOpenAt === salesOpenAt
    ? accept([], 'unchanged')
    : accept(
        [{ type: 'SessionRescheduled', data: { sessionId, startsAt, salesOpenAt } }],
        'changed',
      );
}

function cancel(sessionId: string, state: ConcertState): ConcertDecision {
  const session = state.sessions.get(sessionId);
  if (session === undefined) return noSession(sessionId);
  return session.cancelled
    ? accept([], 'unchanged')
    : accept([{ type: 'SessionCancelled', data: { sessionId } }], 'changed');
}

/** The same seats at the same prices, in any order? */
function sameSeats(some: readonly Section[], others: readonly Section[]): boolean {
  if (isDeepStrictEqual(some, others)) return true;
  const prices = new Map<string, number>();
  for (const { seatId, price } of seatsOf(some)) prices.set(seatId, price);
  let count = 0;
  for (const { seatId, price } of seatsOf(others)) {
    count += 1;
    if (prices.get(seatId) !== price) return false;
  }
  return count === prices.size;
}

/** A seat's id within its session: `<section>-<row>-<number>`. */
export const seatIdOf = (section: string, row: string, number: number): string =>
  `${section}-${row}-${number}`;

/** Every seat of a hall with its price, in seat-map order. */
export function* seatsOf(sections: readonly Section[]) {
  for (const { section, price, rows } of sections) {
    for (const { row, seats } of rows) {
      for (const number of seats) {
        yield { seatId: seatIdOf(section, row, number), section, row, number, price };
      }
    }
  }
}
