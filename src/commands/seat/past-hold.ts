import { decodeAs, type RecordedEvent } from '../../events/codec.ts';
import type { SeatEvent } from '../../events/events.ts';
import { parseReservationId, type ReservationRef, reservationId } from '../../events/ids.ts';
import { isMark, readSkips, type Skips } from '../../events/skipped.ts';
import { seatStream } from '../../events/streams.ts';
import type { EventStore } from '../core/event-store.ts';
import type { Assumed } from '../core/loaded.ts';
import { type EndedHold, type Hold, type SeatState, seatDecider } from './decider.ts';

/**
 * The earliest revision at which a seat's n-th hold may begin. Each hold before it left two events,
 * or three if it was paid.
 */
const earliestRevision = (ordinal: number): bigint => BigInt(2 * (ordinal - 1));

/**
 * A hold that the log is known to have. It is assumed to be the stream's last event. If the stream
 * ends at this revision, the assumption is right. The stream has the n-th hold's event and at least
 * two events of each hold before it, so there is no room for another event.
 */
export const heldStill = (hold: Hold): Assumed<SeatState> => ({
  state: { status: 'held', ...hold },
  revision: earliestRevision(hold.ordinal),
});

/** When the search is at most this many holds before the wanted one, it reads on from there. */
const nearHolds = 16;

/**
 * The search reads at most so many events to find one that counts. If none counts, it reads on from
 * there.
 */
const looksMax = 4;

/**
 * A past hold that other holds have followed, with its end. It needs only a few events of the
 * seat's stream, for any number of holds, and the skipped events.
 * @returns undefined if the seat never had such a hold, or has it now
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
 * A revision at or shortly before a hold's first event. Each event names its hold, and each hold in
 * between has at least two events. Each step leaves at most a third of the distance.
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
