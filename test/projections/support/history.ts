import type { RecordedEvent } from '../../../src/events/codec.ts';
import type { DomainEvent } from '../../../src/events/events.ts';
import { paymentId, reservationId } from '../../../src/events/ids.ts';
import { accountStream, concertStream, seatStream } from '../../../src/events/streams.ts';
import {
  balanceCharged,
  concertRegistered,
  concertRevised,
  currency,
  type Hold,
  type Payment,
  paymentCaptured,
  paymentHeld,
  paymentOf,
  paymentRefunded,
  paymentReleased,
  seatReleased,
  seatReserved,
  seatSold,
  sessionRescheduled,
  sessionScheduled,
  type Written,
} from '../../support/events.ts';

export interface HistoryShape {
  readonly seed: number;
  readonly sessions: number;
  readonly seatsPerSession: number;
  readonly users: number;
  /** Put before every id, so that histories can share a log. */
  readonly prefix?: string;
}

interface SeatState {
  readonly sessionId: string;
  readonly seatId: string;
  ordinal: number;
  held?: { reservationId: string; userId: string; paying: boolean };
  sold?: { reservationId: string; userId: string };
}

const price = 100;
const startMs = Date.UTC(2026, 0, 1);
const time = (ms: number): string => new Date(ms).toISOString();

/** A generator of numbers from 0 below n, the same for the same seed (mulberry32). */
export function randomInts(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

/**
 * An endless history that the deciders could have written: catalog, charges, then buyers at random.
 */
export function* history(shape: HistoryShape): Generator<Written> {
  const random = randomInts(shape.seed);
  const prefix = shape.prefix ?? '';
  const seats: SeatState[] = [];
  const users = Array.from({ length: shape.users }, (_, n) => `${prefix}u${n + 1}`);
  yield* catalog(shape, seats);
  for (const userId of users) yield charge(userId, 'first', 1_000_000_000);
  for (let n = 0; ; n += 1) {
    const seat = seats[random(seats.length)];
    const userId = users[random(users.length)];
    if (seat === undefined || userId === undefined) return;
    if (random(20) === 0) yield charge(userId, `c${n}`, 1 + random(1_000));
    else if (random(50) === 0) yield* revise(prefix, random(shape.sessions) + 1, n);
    else yield* visit(seat, userId, random);
  }
}

const charge = (userId: string, chargeId: string, amount: number): Written => ({
  stream: accountStream(userId),
  event: balanceCharged(chargeId, amount, amount, { at: time(startMs) }),
});

function* catalog(shape: HistoryShape, seats: SeatState[]): Generator<Written> {
  const prefix = shape.prefix ?? '';
  for (let n = 1; n <= shape.sessions; n += 1) {
    const stream = concertStream(`${prefix}c${n}`);
    const sessionId = `${prefix}s${n}`;
    const numbers = Array.from({ length: shape.seatsPerSession }, (_, index) => index + 1);
    yield { stream, event: concertRegistered(`Concert ${n}`) };
    yield {
      stream,
      event: sessionScheduled({
        sessionId,
        startsAt: time(startMs + n * 60_000),
        salesOpenAt: time(startMs),
        sections: [{ section: 'A', price, rows: [{ row: '1', seats: numbers }] }],
      }),
    };
    for (const number of numbers) seats.push({ sessionId, seatId: `A-1-${number}`, ordinal: 0 });
  }
}

function* revise(prefix: string, n: number, at: number): Generator<Written> {
  const stream = concertStream(`${prefix}c${n}`);
  yield { stream, event: concertRevised(`Take ${at}`, 'Hall') };
  const startsAt = time(startMs + at * 1_000);
  const data = { sessionId: `${prefix}s${n}`, startsAt, salesOpenAt: time(startMs) };
  yield { stream, event: sessionRescheduled(data) };
}

/** One thing that may happen to a seat next. */
function* visit(
  seat: SeatState,
  userId: string,
  random: (n: number) => number,
): Generator<Written> {
  const stream = seatStream(seat.sessionId, seat.seatId);
  const { held, sold } = seat;
  if (sold !== undefined) {
    if (random(3) > 0) return;
    delete seat.sold;
    const refund = { paymentId: paymentId(sold.reservationId), amount: price, currency };
    yield { stream, event: seatReleased(sold, 'refunded', refund) };
    yield paymentEnd(paymentRefunded, sold);
  } else if (held === undefined) {
    seat.ordinal += 1;
    const id = reservationId({ ...seat, ordinal: seat.ordinal });
    seat.held = { reservationId: id, userId, paying: false };
    const more = { price, expiresAt: time(startMs + 300_000) };
    yield { stream, event: seatReserved(seat.held, more) };
  } else if (!held.paying && random(2) === 0) {
    delete seat.held;
    yield { stream, event: seatReleased(held, 'expired', {}) };
  } else {
    yield* pay(seat, held, random);
  }
}

function* pay(
  seat: SeatState,
  held: NonNullable<SeatState['held']>,
  random: (n: number) => number,
): Generator<Written> {
  const stream = seatStream(seat.sessionId, seat.seatId);
  const { reservationId: id, userId } = held;
  if (!held.paying) {
    held.paying = true;
    const times = { holdExpiresAt: time(startMs + 300_000), at: time(startMs) };
    const event = paymentHeld(paymentOf(id, price), 0, times);
    yield { stream: accountStream(userId), event };
    return;
  }
  delete seat.held;
  if (random(4) === 0) {
    yield { stream, event: seatReleased(held, 'expired', {}) };
    yield paymentEnd(paymentReleased, held);
    return;
  }
  seat.sold = { reservationId: id, userId };
  yield { stream, event: seatSold(held) };
  yield paymentEnd(paymentCaptured, held);
}

const paymentEnd = (
  ended: (payment: Payment) => DomainEvent,
  { reservationId: id, userId }: Hold,
): Written => ({ stream: accountStream(userId), event: ended(paymentOf(id, price)) });

/** The first `count` events as a log would hold them: positions grow, with gaps. */
export function recorded(shape: HistoryShape, count: number): RecordedEvent[] {
  const revisions = new Map<string, bigint>();
  const events: RecordedEvent[] = [];
  let position = 0n;
  for (const { stream, event } of history(shape)) {
    if (events.length >= count) break;
    const revision = revisions.get(stream) ?? 0n;
    revisions.set(stream, revision + 1n);
    position += 100n + BigInt(events.length % 7);
    const createdMs = startMs + events.length;
    const metadata = { schemaVersion: 1 };
    events.push({ id: `${position}`, stream, revision, position, createdMs, metadata, ...event });
  }
  return events;
}

/**
 * What the tables are made from while some events are parked: each holds back the rest of its
 * stream.
 */
export function withoutParked(
  events: readonly RecordedEvent[],
  poison: ReadonlySet<RecordedEvent>,
): RecordedEvent[] {
  const parked = new Set<string>();
  return events.filter((event) => {
    if (poison.has(event)) parked.add(event.stream);
    return !parked.has(event.stream);
  });
}
