import type { Booking, BookingStatus } from '../sales/booking.ts';
import type { OrderState } from './decider.ts';

/** An order that was placed, whatever became of it. */
export type Placed = Exclude<OrderState, { status: 'none' }>;

/** An order as paying and cancelling see it. */
export function bookingOf(order: Placed): Booking {
  const { reservationId, userId, price, currency, sessionId, expiresAt, seats } = order;
  return {
    reservationId,
    userId,
    amount: price,
    currency,
    sessionId,
    seatIds: seats.map(({ seatId }) => seatId),
    expiresAtMs: Date.parse(expiresAt),
    status: statusOf(order),
  };
}

export function statusOf(order: Placed): BookingStatus {
  switch (order.status) {
    case 'placed':
    case 'confirmed':
      return 'held';
    case 'paid':
      return 'sold';
    case 'ended':
      return order.reason;
  }
}
