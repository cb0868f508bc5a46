import { orderReservationId } from '../../events/ids.ts';
import { Accounts, type Bill } from '../account/accounts.ts';
import type { Catalog } from '../concert/catalog.ts';
import { onSale } from '../concert/on-sale.ts';
import { type RequestContext, requestOf } from '../core/command-context.ts';
import type { EventStore } from '../core/event-store.ts';
import type { Result } from '../core/result.ts';
import type { HoldLimit } from '../hold-limit/hold-limit.ts';
import { type ClaimInDoubt, SeatQuota, type SeatQuotaParts } from '../hold-limit/seat-quota.ts';
import { Orders } from '../order/orders.ts';
import { OrderPlacement } from '../order/place-order.ts';
import type { KnownHold } from '../seat/decider.ts';
import { SeatBookings } from '../seat/seat-bookings.ts';
import {
  type Booking,
  type BookingStatus,
  bookingRef,
  noReservation,
  parseBookingRef,
} from './booking.ts';
import { Bookings } from './bookings.ts';
import { Payments } from './payments.ts';
import type {
  BuyerCommands,
  Cancellation,
  Charge,
  OrganiserCommands,
  OwnReservation,
  Payment,
  Recovery,
  Reservation,
} from './roles.ts';

/** The settings of the sale. */
export interface SalesSettings {
  /** How long a hold lasts, in milliseconds. Default 300,000. */
  readonly holdMs: number;
  /** A sold seat is refunded until this long before its session starts, in ms. Default: one day. */
  readonly refundCutoffMs: number;
  /** Seats of one order. Default 4. */
  readonly orderSeatsMax: number;
  /** ISO 4217; balances are kept in it. */
  readonly currency: string;
}

export interface SalesParts {
  readonly store: EventStore;
  readonly catalog: Catalog;
  readonly limit: HoldLimit;
  /** See `SeatQuotaParts`. */
  readonly bought?: SeatQuotaParts['bought'];
  readonly settings: SalesSettings;
  /** The current time for events, in milliseconds since the epoch. */
  readonly now: () => number;
  /** The earliest possible current time. It decides whether a hold is over. Default `now`. */
  readonly earliest?: () => number;
  /** Called for failed work after the answer. The processes finish this work. */
  readonly onLeftOver: (what: string, error: unknown) => void;
}

/** Selling seats: one object with a role per audience (`roles.ts`). */
export class Sales implements BuyerCommands, Recovery, OrganiserCommands {
  readonly #parts: SalesParts;
  readonly #earliest: () => number;
  readonly #accounts: Accounts;
  readonly #seats: SeatBookings;
  readonly #orders: Orders;
  readonly #placement: OrderPlacement;
  readonly #bookings: Bookings;
  readonly #payments: Payments;
  readonly #quota: SeatQuota;

  constructor(parts: SalesParts) {
    this.#parts = parts;
    this.#earliest = parts.earliest ?? parts.now;
    this.#accounts = new Accounts(parts.store);
    this.#seats = new SeatBookings(parts.store, () => parts.catalog.restored?.epoch);
    this.#orders = new Orders(parts.store, this.#seats, this.#accounts);
    this.#placement = new OrderPlacement(this.#orders, this.#seats);
    this.#bookings = new Bookings(this.#seats, this.#orders);
    this.#quota = new SeatQuota({ ...parts, seats: this.#seats });
    this.#payments = new Payments({
      accounts: this.#accounts,
      bookings: this.#bookings,
      onPaid: (booking) => this.#quota.end(booking),
      now: parts.now,
      earliest: this.#earliest,
      onLeftOver: parts.onLeftOver,
    });
  }

  async reserve(command: Parameters<BuyerCommands['reserve']>[0]): Promise<Result<Reservation>> {
    const { sessionId, userId, seatIds, context } = command;
    const { catalog, settings } = this.#parts;
    catalog.assertFresh();
    const writtenMs = this.#parts.now();
    const wanted = onSale(catalog, command, { nowMs: writtenMs, seatsMax: settings.orderSeatsMax });
    if (!wanted.ok) return wanted;
    const { currency, seats } = wanted.value;
    const expiresAtMs = writtenMs + settings.holdMs;
    const nowMs = this.#earliest();
    const claim = { seatIds, untilMs: expiresAtMs, nowMs: writtenMs };
    return this.#quota.reserve({ userId, sessionId }, claim, (begun) => {
      const terms = { sessionId, userId, currency, expiresAtMs };
      const [seat, ...others] = seats;
      return seat !== undefined && others.length === 0
        ? this.#seats.reserve(
            { type: 'ReserveSeat', ...terms, ...seat, nowMs },
            context,
            this.#orders,
          )
        : this.#placement.place({ ...terms, seats }, nowMs, context, begun);
    });
  }

  async pay(command: OwnReservation): Promise<Result<Payment>> {
    this.#parts.catalog.assertFresh();
    return this.#payments.pay(command);
  }

  cancel({ userId, reservationId, context }: OwnReservation): Promise<Result<Cancellation>> {
    return this.#cancelAs(userId, reservationId, requestOf(context));
  }

  find(reservationId: string): Promise<Result<unknown>> {
    return this.#find(reservationId, undefined, this.#earliest());
  }

  async sessionOf(reservationId: string): Promise<string | undefined> {
    const ref = parseBookingRef(reservationId);
    // The id of a seat's reservation contains the session. Whether the reservation exists is
    // checked when the user pays.
    if (ref?.kind === 'seat') return ref.sessionId;
    const found = await this.#find(reservationId, undefined, this.#earliest());
    return found.ok ? found.value.sessionId : undefined;
  }

  async holds({ userId, reservationId }: Omit<OwnReservation, 'context'>): Promise<boolean> {
    const nowMs = this.#earliest();
    const found = await this.#find(reservationId, userId, nowMs);
    return found.ok && found.value.status === 'held' && found.value.expiresAtMs > nowMs;
  }

  async #find(
    reservationId: string,
    userId: string | undefined,
    nowMs: number,
  ): Promise<Result<Booking>> {
    const ref = parseBookingRef(reservationId);
    // A question about a seat that was never on sale needs no read.
    const isOnSale =
      ref?.kind !== 'seat' ||
      this.#parts.catalog.session(ref.sessionId)?.prices.has(ref.seatId) === true;
    if (ref === undefined || !isOnSale) return noReservation(reservationId);
    return this.#bookings.find(ref, { userId, nowMs });
  }

  async charge(command: Parameters<BuyerCommands['charge']>[0]): Promise<Result<Charge>> {
    const { userId, chargeId, amount, context } = command;
    const { currency } = this.#parts.settings;
    const charge = { chargeId, amount, currency, nowMs: this.#parts.now() };
    const result = await this.#accounts.charge(userId, charge, context);
    if (!result.ok) return result;
    const { balance } = result.value;
    return { ...result, value: { userId, chargeId, balance, currency } };
  }

  settlePayment(payment: Parameters<Recovery['settlePayment']>[0]): Promise<Result<unknown>> {
    return this.#payments.settle(payment);
  }

  refund(bill: Bill): Promise<Result<unknown>> {
    return this.#accounts.refund(bill);
  }

  async settleOrder(reservationId: string): Promise<boolean> {
    const ref = bookingRef(reservationId);
    if (ref.kind !== 'order') throw new Error(`not an order's reservation: ${reservationId}`);
    const isSettled = await this.#orders.settle(ref.orderId);
    const found = await this.#orders.find(ref, { userId: undefined, nowMs: this.#earliest() });
    if (found.ok) await this.#quota.end(found.value);
    return isSettled;
  }

  async expire(reservationId: string, known?: KnownHold): Promise<Result<BookingStatus>> {
    const nowMs = this.#earliest();
    const ref = bookingRef(reservationId);
    if (ref.kind === 'order') return this.#orders.expire(ref, nowMs);
    if (known !== undefined && known.orderId === undefined) {
      return this.#seats.expire(ref, nowMs, known);
    }
    const orderId = await this.#seats.orderOf(ref);
    if (orderId === undefined) return this.#seats.expire(ref, nowMs);
    const { sessionId, seatId } = ref;
    await this.#orders.releaseSeat({ sessionId, seatId, orderId }, nowMs);
    return { ok: true, value: await this.#seats.statusOf(ref), position: null };
  }

  claimsInDoubt(sinceMs: number, limit: number, offset = 0): Promise<readonly ClaimInDoubt[]> {
    return this.#quota.inDoubt(sinceMs, limit, offset);
  }

  settleClaim(claim: ClaimInDoubt): Promise<boolean> {
    return this.#quota.settle(claim);
  }

  async reservationOf(sessionId: string, seatId: string): Promise<string | undefined> {
    const seat = await this.#seats.current(sessionId, seatId);
    if (seat.status === 'free') return undefined;
    return seat.orderId === undefined ? seat.reservationId : orderReservationId(seat.orderId);
  }

  cancelForOrganiser(reservationId: string): Promise<Result<unknown>> {
    return this.#cancelAs(undefined, reservationId, {});
  }

  async #cancelAs(
    userId: string | undefined,
    reservationId: string,
    request: RequestContext,
  ): Promise<Result<Cancellation>> {
    const ref = parseBookingRef(reservationId);
    if (ref === undefined) return noReservation(reservationId);
    const refundUntilMs = (sessionId: string) => this.#refundUntil(sessionId);
    const terms = { userId, nowMs: this.#parts.now(), refundUntilMs };
    const cancelled = await this.#bookings.cancel(ref, terms, request);
    if (!cancelled.ok) return cancelled;
    const booking = cancelled.value;
    const { amount, currency } = booking;
    const isRefunded = booking.status === 'refunded';
    const moved = isRefunded ? await this.#accounts.refund(booking, request) : cancelled;
    if (!moved.ok) return moved;
    await this.#quota.end(booking);
    const value: Cancellation = isRefunded
      ? { reservationId, status: 'refunded', refunded: amount, currency }
      : { reservationId, status: 'cancelled', refunded: 0, currency };
    return { ...moved, value };
  }

  #refundUntil(sessionId: string): number {
    const session = this.#parts.catalog.session(sessionId);
    if (session === undefined) return 0;
    return session.cancelled
      ? Number.POSITIVE_INFINITY
      : session.startsAtMs - this.#parts.settings.refundCutoffMs;
  }
}
