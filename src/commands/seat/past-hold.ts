import { decode } from '../../events/codec.ts';
import type { SeatEvent } from '../../events/events.ts';
import { type ReservationRef, reservationId } from '../../events/ids.ts';
import { seatStream } from '../../events/streams.ts';
import type { EventStore } from '../event-store.ts';
import { type Ended, type SeatState, seatDecider } from './seat.ts';

/**
 * A hold that others followed, as it ended: read from the seat's stream. Each hold before it left two events there, or three when
 * it was paid, so for the n-th hold of a seat at most n + 2 events are read.
 * @returns undefined when the seat never had such a hold, or has it now @throws EventStoreUnavailable
 */
export async function pastHold(
  store: Pick<EventStore, 'readStream'>,
  ref: ReservationRef,
): Promise<Ended | undefined> {
  const earliest = BigInt(2 * (ref.ordinal - 1));
  const id = reservationId(ref);
  let state: SeatState = seatDecider.initial;
  for await (const recorded of store.readStream(seatStream(ref.sessionId, ref.seatId), earliest)) {
    const event = decode(recorded) as unknown as SeatEvent;
    if (event.data.reservationId !== id) continue;
    state = seatDecider.evolve(state, event);
    if (state.status === 'free') return state.last;
  }
  return undefined;
}
