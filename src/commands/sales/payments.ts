import { paymentId } from '../../events/ids.ts';
import type { Accounts } from '../account/accounts.ts';
import { type RequestContext, requestOf } from '../core/command-context.ts';
import type { Refusal, Result } from '../core/result.ts';
import {
  type Booking,
  type BookingRef,
  bookingRef,
  noReservation,
  parseBookingRef,
  whyNotPayable,
} from './booking.ts';
import type { Bookings } from './bookings.ts';
import type { OwnReservation, Payment, Recovery } from './roles.ts';

export interface PaymentParts {
  readonly accounts: Accounts;
  readonly bookings: Bookings;
  /** Called with a paid reservation, because its seats no longer count as held. */
  readonly onPaid: (booking: Booking) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The earliest possible current time. It decides whether a hold is over. */
  readonly earliest: () => number;
  /** Called for failed work after the answer. `settlePayment` finishes this work. */
  readonly onLeftOver: (what: string, error: unknown) => void;
}

type Refused = { readonly ok: false; readonly refusal: Refusal };

/**
 * Paying, in two phases. First the money is held. Then the stream of the seat or the order decides,
 * and the money is captured or released.
 */
export class Payments {
  readonly #parts: PaymentParts;

  constructor(parts: PaymentParts) {
    this.#parts = parts;
  }

  async pay({ userId, reservationId, context }: OwnReservation): Promise<Result<Payment>> {
    const request = requestOf(context);
    const { accounts, bookings, earliest } = this.#parts;
    const ref = parseBookingRef(reservationId);
    if (ref === undefined) return noReservation(reservationId);
    const earliestMs = earliest();
    const found = await bookings.find(ref, { userId, nowMs: earliestMs });
    if (!found.ok) return found;
    const booking = found.value;
    const barred = whyNotPayable(booking, earliestMs);
    if (barred !== undefined) return barred;
    const { amount, currency } = booking;
    const answer = (balance: number, position: bigint | null): Result<Payment> => ({
      ok: true,
      value: { paymentId: paymentId(reservationId), reservationId, amount, currency, balance },
      position,
    });
    const held = await this.#hold(ref, booking, request);
    if (!held.ok) {
      const { sold, refused } = await this.#refusalNow(ref, booking, held);
      // The payment is so old that the account has left it out. The seat is the proof.
      return sold ? answer(await accounts.balance(userId), null) : refused;
    }
    const { balance } = held.value;
    const sale = await bookings.sell(ref, earliest(), request);
    if (sale.ok) {
      this.#afterSale(ref, booking, request).catch((error) =>
        this.#parts.onLeftOver(paymentId(reservationId), error),
      );
      return answer(balance, sale.position);
    }
    const settled = await this.settle(booking);
    // Another request of this payment may have won in between. The stream decides.
    if (settled.ok && settled.value === 'captured') return answer(balance, held.position);
    return (await this.#refusalNow(ref, booking, sale)).refused;
  }

  /** See `Recovery.settlePayment`. */
  async settle({
    userId,
    reservationId,
  }: Parameters<Recovery['settlePayment']>[0]): Promise<
    Result<'captured' | 'released' | 'refunded'>
  > {
    const { accounts, bookings, earliest } = this.#parts;
    const payment = { userId, reservationId };
    const ref = bookingRef(reservationId);
    let sale = await bookings.sell(ref, earliest(), {});
    if (!sale.ok) {
      // The hold is ended first. Afterwards, no instance can sell to this payment, even with a slow
      // clock.
      const closed = await bookings.expire(ref, earliest());
      if (!closed.ok) return closed;
      // Its money is on the list of refunds. A refund captures the money that it gives back.
      if (closed.value === 'refunded') return { ...closed, value: 'refunded' };
      if (closed.value !== 'held' && closed.value !== 'sold') {
        const reason = closed.value === 'cancelled' ? 'cancelled' : 'hold-expired';
        const released = await accounts.release(payment, reason);
        return released.ok ? { ...released, value: 'released' } : released;
      }
      sale = await bookings.sell(ref, earliest(), {});
      if (!sale.ok) return sale;
    }
    await bookings.followSale(ref);
    const captured = await accounts.capture(payment);
    return captured.ok ? { ...captured, value: 'captured' } : captured;
  }

  /**
   * Holds the money. If a fast clock made the account's snapshot, the account refuses payments that
   * the snapshot may have left out. Then the reservation is read again. If the log still has it as
   * held, its payment was never settled, so the snapshot did not leave it out.
   */
  async #hold(
    ref: BookingRef,
    booking: Booking,
    request: RequestContext,
  ): ReturnType<Accounts['hold']> {
    const { accounts, bookings, now, earliest } = this.#parts;
    const { userId, reservationId, amount, currency, expiresAtMs: holdExpiresAtMs } = booking;
    const bill = { userId, reservationId, amount, currency, holdExpiresAtMs };
    const hold = (proof: { readonly provenAtMs?: number }) =>
      accounts.hold({ ...bill, nowMs: now(), earliestMs: earliest(), ...proof }, request);
    const held = await hold({});
    if (held.ok || held.refusal.code !== 'hold-expired') return held;
    const provenAtMs = await accounts.leftOutBefore(userId);
    if (holdExpiresAtMs >= provenAtMs) return held;
    const found = await bookings.find(ref, { userId, nowMs: earliest(), fresh: true });
    return found.ok && found.value.status === 'held' ? hold({ provenAtMs }) : held;
  }

  /**
   * The sale is certain, and the client has its answer. Now the seats of an order follow and the
   * money is captured, without the deadline of the request.
   */
  async #afterSale(
    ref: BookingRef,
    booking: Booking,
    { deadlineMs: _, ...request }: RequestContext,
  ): Promise<void> {
    await this.#parts.bookings.followSale(ref);
    await this.#parts.accounts.capture(booking, request);
    await this.#parts.onPaid({ ...booking, status: 'sold' });
  }

  /**
   * The reason, from a new read of the log, why the reservation cannot be paid. If there is none,
   * the command's own refusal. So a later request gets the same answer.
   */
  async #refusalNow(ref: BookingRef, { userId }: Booking, otherwise: Refused) {
    const nowMs = this.#parts.earliest();
    const found = await this.#parts.bookings.find(ref, { userId, nowMs, fresh: true });
    if (!found.ok) return { sold: false, refused: found };
    const refused = whyNotPayable(found.value, nowMs) ?? otherwise;
    return { sold: found.value.status === 'sold', refused };
  }
}
