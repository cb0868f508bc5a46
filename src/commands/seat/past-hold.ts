import { decode } from '../../events/codec.ts';
import type { SeatEvent } from '../../events/events.ts';
import { type ReservationRef, reservationId } from '../../events/ids.ts';
import { isMark, readSkips } from '../../events/skipped.ts';
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

/**
 * A hold that others followed, as it ended: read from the seat's stream, for the n-th hold of a seat at most n + 2 events, and what was skipped.
 * @returns undefined when the seat never had such a hold, or has it now @throws EventStoreUnavailable
 */
export async function pastHold(
  store: Pick<EventStore, 'readStream'>,
  ref: ReservationRef,
): Promise<Ended | undefined> {
  const id = reservationId(ref);
  let state: SeatState = seatDecider.initial;
  const stream = seatStream(ref.sessionId, ref.seatId);
  const skips = await readSkips(store);
  for await (const recorded of store.readStream(stream, earliestRevision(ref.ordinal))) {
    if (isMark(recorded) || skips.has(recorded)) continue;
    const event = decode(recorded) as unknown as SeatEvent;
    if (event.data.reservationId !== id) continue;
    state = seatDecider.evolve(state, event);
    if (state.status === 'free') return state.last;
  }
  return undefined;
}
