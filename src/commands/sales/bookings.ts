import type { RequestContext } from '../core/command-context.ts';
import type { Result } from '../core/result.ts';
import type { Orders } from '../order/orders.ts';
import type { SeatBookings } from '../seat/seat-bookings.ts';
import type { Asked, Booking, BookingRef, BookingStatus, CancelTerms } from './booking.ts';

/**
 * Reservations, of one seat or of an order of several. The one place that chooses between the two
 * streams that arbitrate: the seat's own, or the order's.
 */
export class Bookings {
  readonly #seats: SeatBookings;
  readonly #orders: Orders;

  constructor(seats: SeatBookings, orders: Orders) {
    this.#seats = seats;
    this.#orders = orders;
  }

  /**
   * The buyer's reservation and what became of it, for ever. From memory where that says that it
   * can still be paid or cannot change any longer; else, and when `fresh`, from the log. Refused as
   * `reservation-not-found` when there never was one, as `reservation-not-yours` when another user
   * has it.
   */
  find(ref: BookingRef, asked: Asked): Promise<Result<Booking>> {
    return ref.kind === 'seat' ? this.#seats.find(ref, asked) : this.#orders.find(ref, asked);
  }

  /**
   * Sells to the reservation's payment, unless the hold ended. Accepted when that was done before.
   */
  sell(ref: BookingRef, nowMs: number, request: RequestContext): Promise<Result<unknown>> {
    return ref.kind === 'seat'
      ? this.#seats.sell(ref, nowMs, request)
      : this.#orders.sell(ref, nowMs, request);
  }

  /**
   * What follows a sale that is certain: a seat's stream is the sale, an order's seats are sold
   * too.
   */
  async followSale(ref: BookingRef): Promise<void> {
    if (ref.kind === 'order') await this.#orders.finish(ref.orderId);
  }

  /** Ends the hold when its time is over. @returns what became of the reservation */
  expire(ref: BookingRef, nowMs: number): Promise<Result<BookingStatus>> {
    return ref.kind === 'seat' ? this.#seats.expire(ref, nowMs) : this.#orders.expire(ref, nowMs);
  }

  /**
   * Gives a held reservation back; a sold one is refunded before `refundUntilMs(sessionId)`.
   * Answers with the cancelled or refunded reservation, also when it was so before. Refused like
   * `find`, and as `hold-expired` when it ended another way.
   */
  cancel(ref: BookingRef, terms: CancelTerms, request: RequestContext): Promise<Result<Booking>> {
    return ref.kind === 'seat'
      ? this.#seats.cancel(ref, terms, request)
      : this.#orders.cancel(ref, terms, request);
  }
}
