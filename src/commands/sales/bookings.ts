import type { RequestContext } from '../core/command-context.ts';
import type { Result } from '../core/result.ts';
import type { Orders } from '../order/orders.ts';
import type { SeatBookings } from '../seat/seat-bookings.ts';
import type { Asked, Booking, BookingRef, BookingStatus, CancelTerms } from './booking.ts';

/**
 * Reservations of one seat or of an order. Only this class chooses the stream that decides: the
 * seat's own or the order's.
 */
export class Bookings {
  readonly #seats: SeatBookings;
  readonly #orders: Orders;

  constructor(seats: SeatBookings, orders: Orders) {
    this.#seats = seats;
    this.#orders = orders;
  }

  /**
   * The buyer's reservation and its result, for ever. It comes from memory if it can still be paid
   * there, or can no longer change. Otherwise, and with `fresh`, it comes from the log. Refused as
   * `reservation-not-found` if there never was one, and as `reservation-not-yours` if another user
   * has it.
   */
  find(ref: BookingRef, asked: Asked): Promise<Result<Booking>> {
    return ref.kind === 'seat' ? this.#seats.find(ref, asked) : this.#orders.find(ref, asked);
  }

  /**
   * Sells to the reservation's payment, unless the hold has ended. Also accepted if the sale was
   * done before.
   */
  sell(ref: BookingRef, nowMs: number, request: RequestContext): Promise<Result<unknown>> {
    return ref.kind === 'seat'
      ? this.#seats.sell(ref, nowMs, request)
      : this.#orders.sell(ref, nowMs, request);
  }

  /**
   * The work after a certain sale. For a seat there is none, because its stream is the sale. For an
   * order, its seats are sold, too.
   */
  async followSale(ref: BookingRef): Promise<void> {
    if (ref.kind === 'order') await this.#orders.finish(ref.orderId);
  }

  /**
   * Ends the hold if its time is over.
   * @returns the reservation after that
   */
  expire(ref: BookingRef, nowMs: number): Promise<Result<BookingStatus>> {
    return ref.kind === 'seat' ? this.#seats.expire(ref, nowMs) : this.#orders.expire(ref, nowMs);
  }

  /**
   * Gives a held reservation back; a sold one is refunded before `refundUntilMs(sessionId)`. The
   * answer is the cancelled or refunded reservation, also if it was cancelled or refunded before.
   * Refused like `find`, and as `hold-expired` if it ended in another way.
   */
  cancel(ref: BookingRef, terms: CancelTerms, request: RequestContext): Promise<Result<Booking>> {
    return ref.kind === 'seat'
      ? this.#seats.cancel(ref, terms, request)
      : this.#orders.cancel(ref, terms, request);
  }
}
