import type { Result } from '../core/result.ts';
import type { SingleSeats } from '../seat/seat-bookings.ts';
import type { EndReason } from './decider.ts';

/** A seat of an order. */
interface OrderSeat {
  readonly sessionId: string;
  readonly seatId: string;
  readonly orderId: string;
}

/**
 * Sells a seat of a paid order; done when it is not held for it any more.
 * @returns whether nothing is left to do; false when it is to be tried again @throws Error when the seat refused to follow
 */
export async function sellOrderSeat(
  seats: SingleSeats,
  { sessionId, seatId, orderId }: OrderSeat,
  paymentId: string,
  isStillPaid: () => Promise<boolean>,
): Promise<boolean> {
  const seat = await seats.current(sessionId, seatId);
  if (seat.status !== 'held' || seat.orderId !== orderId) return true;
  const { reservationId } = seat;
  const command = { type: 'SellSeat', reservationId, paymentId, nowMs: 0 } as const;
  const sold = await seats.execute(sessionId, seatId, command, {
    commandId: `sell ${reservationId}`,
  });
  if (sold.ok) return true;
  // Refunded since, seat by seat: then there is nothing to sell any more, and others see to what is left.
  return (await isStillPaid()) && followed(sold, `seat ${seatId} of the paid order ${orderId}`);
}

/** Gives a seat of an ended order back; done when it is not the order's any more. Answers and throws as above. */
export async function giveBackOrderSeat(
  seats: SingleSeats,
  { sessionId, seatId, orderId }: OrderSeat,
  reason: EndReason,
): Promise<boolean> {
  const seat = await seats.current(sessionId, seatId);
  if (seat.status === 'free' || seat.orderId !== orderId) return true;
  const { reservationId } = seat;
  const command = { type: 'GiveBack', reservationId, reason } as const;
  const back = await seats.execute(sessionId, seatId, command, {
    commandId: `give back ${reservationId}`,
  });
  return followed(back, `seat ${seatId} of the ended order ${orderId}`);
}

/** Did the seat follow its order? Not now when too many wait for it. @throws Error when it refused to */
function followed(result: Result<unknown>, what: string): boolean {
  if (!result.ok && result.refusal.code !== 'overloaded') {
    throw new Error(`${what}: ${result.refusal.detail}`);
  }
  return result.ok;
}
