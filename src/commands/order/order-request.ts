import { createHash } from 'node:crypto';
import { orderReservationId } from '../../events/ids.ts';
import type { Order } from './decider.ts';

/** What an order is placed for. */
export interface OrderRequest {
  readonly sessionId: string;
  readonly userId: string;
  /** Two or more. */
  readonly seats: readonly { readonly seatId: string; readonly price: number }[];
  readonly currency: string;
  readonly expiresAtMs: number;
}

/**
 * The id of the order that a command begins. It depends on what is asked for, too, since an
 * idempotency key may come again a day later with something else.
 * @param turn counts the command's orders that had ended when it came again
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

/** Orders take their seats in one sequence: of those that want the same seats, one gets them. */
export const inSequence = (seats: OrderRequest['seats']): OrderRequest['seats'] =>
  [...seats].sort((a, b) => (a.seatId < b.seatId ? -1 : 1));

/** Does the same buyer ask for the same seats, in any sequence? */
export function isSameRequest(order: Order, request: OrderRequest): boolean {
  const names = (seats: OrderRequest['seats']) => inSequence(seats).map(({ seatId }) => seatId);
  return (
    order.userId === request.userId &&
    order.sessionId === request.sessionId &&
    names(order.seats).join() === names(request.seats).join()
  );
}
