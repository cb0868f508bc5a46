import { paymentId } from '../../events/ids.ts';
import type { Wallet } from '../account/accounts.ts';
import type { Refusal, Result } from '../core/result.ts';
import { type Booking, type Bookings, isOpen, type Origin, whyNotPayable } from './booking.ts';
import type { BuyerCommand, Payment } from './roles.ts';

export interface PaymentParts {
  readonly wallet: Wallet;
  /** Who arbitrates for a reservation: the order's stream or the seat's own. */
  readonly bookings: (reservationId: string) => Bookings;
  /** Told of a paid reservation: its seats no longer count as held. */
  readonly onPaid: (booking: Booking) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The earliest that it may be, by which a hold is over or not. */
  readonly earliest: () => number;
  /** Told of work after the answer that failed; `settle` finishes it. */
  readonly onLeftOver: (what: string, error: unknown) => void;
}

/** Paying, in two phases: the money is held, the seat's or the order's stream decides, the money is captured or released. */
export class Payments {
  readonly #parts: PaymentParts;

  constructor(parts: PaymentParts) {
    this.#parts = parts;
  }

  async pay({ userId, reservationId, context }: BuyerCommand): Promise<Result<Payment>> {
    const { commandId: _, ...origin } = context;
    const { wallet, earliest } = this.#parts;
    const earliestMs = earliest();
    const bookings = this.#parts.bookings(reservationId);
    const found = await bookings.find(reservationId, { userId, nowMs: earliestMs });
    if (!found.ok) return found;
    const booking = found.value;
    const barred = whyNotPayable(booking, earliestMs);
    if (barred !== undefined) return barred;
    const { amount, currency } = booking;
    const bill = { userId, reservationId, amount, currency };
    const held = await this.#hold(booking, origin);
    const answer = (balance: number, position: bigint | null): Result<Payment> => ({
      ok: true,
      value: { paymentId: paymentId(reservationId), reservationId, amount, currency, balance },
      position,
    });
    if (!held.ok) {
      const { sold, refused } = await this.#refusalNow(booking, held);
      // Paid so long ago that the account has left it out: the seat is the proof.
      return sold ? answer(await wallet.balance(userId), null) : refused;
    }
    const { balance } = held.value;
    const sale = await bookings.sell(reservationId, earliest(), origin);
    if (sale.ok) {
      this.#afterSale(booking, origin).catch((error) =>
        this.#parts.onLeftOver(paymentId(reservationId), error),
      );
      return answer(balance, sale.position);
    }
    const settled = await this.settle(bill);
    // Another request of this payment may have won in between; what the stream says counts.
    if (settled.ok && settled.value === 'captured') return answer(balance, held.position);
    return (await this.#refusalNow(booking, sale)).refused;
  }

  /**
   * Holds the money. A summary that was made by a clock far ahead makes an account refuse what it may have left out; then the
   * reservation is read anew: while it is held by the log, its payment was never settled, and not left out.
   */
  async #hold(booking: Booking, origin: Origin): ReturnType<Wallet['hold']> {
    const { wallet, now, earliest, bookings } = this.#parts;
    const { userId, reservationId, amount, currency, expiresAtMs: holdExpiresAtMs } = booking;
    const bill = { userId, reservationId, amount, currency, holdExpiresAtMs };
    const hold = (proof: { readonly provenAtMs?: number }) =>
      wallet.hold({ ...bill, nowMs: now(), earliestMs: earliest(), ...proof }, origin);
    const held = await hold({});
    if (held.ok || held.refusal.code !== 'hold-expired') return held;
    const provenAtMs = await wallet.leftOutBefore(userId);
    if (holdExpiresAtMs >= provenAtMs) return held;
    const asked = { userId, nowMs: earliest(), fresh: true };
    const found = await bookings(reservationId).find(reservationId, asked);
    return found.ok && found.value.status === 'held' ? hold({ provenAtMs }) : held;
  }

  /** See `SeatSales.settle`. */
  async settle(payment: {
    readonly userId: string;
    readonly reservationId: string;
  }): Promise<Result<'captured' | 'released' | 'refunded'>> {
    const { reservationId } = payment;
    const { wallet, earliest } = this.#parts;
    const bookings = this.#parts.bookings(reservationId);
    let sale = await bookings.sell(reservationId, earliest(), {});
    if (!sale.ok) {
      // Closing the hold first: afterwards no clock, however late, can sell to this payment.
      const closed = await bookings.expire(reservationId, earliest());
      if (!closed.ok) return closed;
      // Its money is on the list of refunds, which capture what they give back.
      if (closed.value === 'refunded') return { ...closed, value: 'refunded' };
      if (!isOpen(closed.value)) {
        const reason = closed.value === 'cancelled' ? 'cancelled' : 'hold-expired';
        const released = await wallet.release(payment, reason);
        return released.ok ? { ...released, value: 'released' } : released;
      }
      sale = await bookings.sell(reservationId, earliest(), {});
      if (!sale.ok) return sale;
    }
    await bookings.followSale(reservationId);
    const captured = await wallet.capture(payment);
    return captured.ok ? { ...captured, value: 'captured' } : captured;
  }

  /** The sale is certain and answered: the seats of an order follow, the money is captured, by no deadline of the request. */
  async #afterSale(booking: Booking, { deadlineMs: _, ...origin }: Origin): Promise<void> {
    await this.#parts.bookings(booking.reservationId).followSale(booking.reservationId);
    await this.#parts.wallet.capture(booking, origin);
    await this.#parts.onPaid(booking);
  }

  /**
   * Why the log, read anew, says that the reservation cannot be paid, else why the command was refused: who asks later is told
   * the same.
   */
  async #refusalNow({ userId, reservationId }: Booking, otherwise: Refused) {
    const nowMs = this.#parts.earliest();
    const asked = { userId, nowMs, fresh: true };
    const found = await this.#parts.bookings(reservationId).find(reservationId, asked);
    if (!found.ok) return { sold: false, refused: found };
    const refused = whyNotPayable(found.value, nowMs) ?? otherwise;
    return { sold: found.value.status === 'sold', refused };
  }
}

type Refused = { readonly ok: false; readonly refusal: Refusal };
