import { decodeAs, type RecordedEvent } from '../../events/codec.ts';
import type { SeatEvent } from '../../events/events.ts';
import { parseReservationId, type ReservationRef, reservationId } from '../../events/ids.ts';
import { isMark, readSkips, type Skips } from '../../events/skipped.ts';
import { seatStream } from '../../events/streams.ts';
import type { EventStore } from '../core/event-store.ts';
import type { Assumed } from '../core/loaded.ts';
import { type EndedHold, type Hold, type SeatState, seatDecider } from './decider.ts';

/**
 * The earliest revision at which a seat's n-th hold may begin: each hold before it left two events,
 * or three when it was paid.
 */
const earliestRevision = (ordinal: number): bigint => BigInt(2 * (ordinal - 1));

/**
 * A hold that the log is known to have had, assumed to be the stream's last event. If the stream
 * ends at this revision, the assumption is right: the stream has the n-th hold's event and at least
 * two of each hold before it, and there is no room for another.
 */
export const heldStill = (hold: Hold): Assumed<SeatState> => ({
  state: { status: 'held', ...hold },
  revision: earliestRevision(hold.ordinal),
});

/** From so many holds before the one that is looked for, the stream is read on. */
const nearHolds = 16;

/**
 * The search looks at so many events for one that counts. Where none does, it reads on from there.
 */
const looksMax = 4;

/**
 * A hold that others followed, as it ended. Read from the seat's stream: a few events, however many
 * holds the seat had, and what was skipped of it.
 * @returns undefined when the seat never had such a hold, or has it now
 * @throws EventStoreUnavailable
 */
export async function pastHold(
  store: Pick<EventStore, 'readStream'>,
  ref: ReservationRef,
): Promise<EndedHold | undefined> {
  const id = reservationId(ref);
  let state: SeatState = seatDecider.initial;
  const stream = seatStream(ref.sessionId, ref.seatId);
  const seat = { store, stream, skips: await readSkips(store, stream) };
  for await (const event of read(seat, await shortlyBefore(seat, ref))) {
    if (event.data.reservationId !== id) continue;
    state = seatDecider.evolve(state, event);
    if (state.status === 'free') return state.last;
  }
  return undefined;
}

interface Seat {
  readonly store: Pick<EventStore, 'readStream'>;
  readonly stream: string;
  readonly skips: Skips;
}

/**
 * A revision at or shortly before a hold's first event. Each event says which hold it belongs to,
 * and each hold between has at least two events. Each step leaves a third of the distance, or less.
 */
async function shortlyBefore(seat: Seat, { ordinal }: ReservationRef): Promise<bigint> {
  let from = earliestRevision(ordinal);
  while (ordinal > nearHolds) {
    let next: bigint | undefined;
    for await (const event of read(seat, from, looksMax)) {
      const between = ordinal - (parseReservationId(event.data.reservationId)?.ordinal ?? ordinal);
      if (between > nearHolds) next = event.revision + earliestRevision(between + 1) - 1n;
      break;
    }
    if (next === undefined || next <= from) break;
    from = next;
  }
  return from;
}

/** The stream's events that count. */
async function* read(
  { store, stream, skips }: Seat,
  from: bigint,
  countMax?: number,
): AsyncGenerator<RecordedEvent & SeatEvent> {
  for await (const recorded of store.readStream(stream, from, countMax)) {
    if (isMark(recorded) || skips.has(recorded)) continue;
    yield decodeAs<SeatEvent>(recorded);
  }
}
