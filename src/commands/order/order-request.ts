import { createHash } from 'node:crypto';
import { orderReservationId } from '../../events/ids.ts';
import type { Order } from './decider.ts';

/** The content of an order. */
export interface OrderRequest {
  readonly sessionId: string;
  readonly userId: string;
  /** Two or more. */
  readonly seats: readonly { readonly seatId: string; readonly price: number }[];
  readonly currency: string;
  readonly expiresAtMs: number;
}

/**
 * The id of the order that a command begins. It also depends on the requested seats, because a
 * client may use an idempotency key again a day later for other seats.
 * @param turn the number of the command's earlier orders that have ended
 */
export function nameOrder(request: OrderRequest, commandId: string, turn: number): string {
  const { sessionId, seats } = request;
  const asked = [commandId, sessionId, ...seats.map(({ seatId }) => seatId), turn].join('\n');
  return createHash('sha256').update(asked).digest('hex').slice(0, 32);
}

export function orderOf(orderId: string, request: OrderRequest): Order {
  const { sessionId, userId, currency, seats, expiresAtMs } = request;
  return {
    reservationId: orderReservationId(orderId),
    sessionId,
    userId,
    seats: [...seats],
    price: seats.reduce((sum, seat) => sum + seat.price, 0),
    currency,
    expiresAt: new Date(expiresAtMs).toISOString(),
  };
}

/**
 * All orders take their seats in the same sequence. So if several orders want the same seats, one
 * of them gets them.
 */
export const inSequence = (seats: OrderRequest['seats']): OrderRequest['seats'] =>
  [...seats].sort((a, b) => (a.seatId < b.seatId ? -1 : 1));

/** Does the same buyer want the same seats, in any sequence? */
export function isSameRequest(order: Order, request: OrderRequest): boolean {
  const names = (seats: OrderRequest['seats']) => inSequence(seats).map(({ seatId }) => seatId);
  return (
    order.userId === request.userId &&
    order.sessionId === request.sessionId &&
    names(order.seats).join() === names(request.seats).join()
  );
}
