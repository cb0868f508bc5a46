import { decode, type StoredEvent } from '../../events/codec.ts';
import type { SeatEvent } from '../../events/events.ts';
import { parseReservationId, type ReservationRef, reservationId } from '../../events/ids.ts';
import { seatStream } from '../../events/streams.ts';
import type { EventStore } from '../event-store.ts';
import type { Assumed } from '../stream-states.ts';
import { type Ended, type Hold, type SeatState, seatDecider } from './seat.ts';

/** The earliest revision that a seat's n-th hold may begin at: each before it left two events, or three when it was paid. */
const earliestRevision = (ordinal: number): bigint => BigInt(2 * (ordinal - 1));

/**
 * A hold that the log is known to have had, taken to be the stream's last event. If the stream ends at this revision that is
 * so: it has the n-th hold's event and two of each before it at least, and there is no room for another.
 */
export const heldStill = (hold: Hold): Assumed<SeatState> => ({
  state: { status: 'held', ...hold },
  revision: earliestRevision(hold.ordinal),
});

/** So many holds before the one that is looked for, the stream is read on. */
const nearHolds = 16;

/**
 * A hold that others followed, as it ended: read from the seat's stream, a few events of it however many holds the seat had.
 * @returns undefined when the seat never had such a hold, or has it now @throws EventStoreUnavailable
 */
export async function pastHold(
  store: Pick<EventStore, 'readStream'>,
  ref: ReservationRef,
): Promise<Ended | undefined> {
  const id = reservationId(ref);
  let state: SeatState = seatDecider.initial;
  const stream = seatStream(ref.sessionId, ref.seatId);
  for await (const event of read(store, stream, await shortlyBefore(store, stream, ref))) {
    if (event.data.reservationId !== id) continue;
    state = seatDecider.evolve(state, event);
    if (state.status === 'free') return state.last;
  }
  return undefined;
}

/**
 * A revision at or shortly before a hold's first event. Each event says which hold it is of, and each hold between has two events
 * at least; the way left is a third of the last one, or less, each time.
 */
async function shortlyBefore(
  store: Pick<EventStore, 'readStream'>,
  stream: string,
  { ordinal }: ReservationRef,
): Promise<bigint> {
  let from = earliestRevision(ordinal);
  while (ordinal > nearHolds) {
    let next: bigint | undefined;
    for await (const event of read(store, stream, from, 1)) {
      const between = ordinal - (parseReservationId(event.data.reservationId)?.ordinal ?? ordinal);
      if (between > nearHolds) next = event.revision + earliestRevision(between + 1) - 1n;
    }
    if (next === undefined || next <= from) break;
    from = next;
  }
  return from;
}

async function* read(
  store: Pick<EventStore, 'readStream'>,
  ...what: Parameters<EventStore['readStream']>
): AsyncGenerator<StoredEvent & SeatEvent> {
  for await (const recorded of store.readStream(...what)) {
    yield decode(recorded) as StoredEvent & SeatEvent;
  }
}
