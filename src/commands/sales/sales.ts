import {
  orderReservationId,
  parseOrderReservationId,
  parseReservationId,
} from '../../events/ids.ts';
import { type Bill, Wallet } from '../account/accounts.ts';
import type { Catalog } from '../concert/catalog.ts';
import { onSale } from '../concert/on-sale.ts';
import type { EventStore } from '../core/event-store.ts';
import { type Result, refuse } from '../core/result.ts';
import { Claims, type ClaimsParts, type Doubt } from '../hold-limit/claims.ts';
import type { HoldLimit, HowEnded } from '../hold-limit/hold-limit.ts';
import { SeatOrders } from '../order/order-bookings.ts';
import type { OrderRequest } from '../order/order-request.ts';
import { type Hold, holdOf, isOf } from '../seat/decider.ts';
import { SingleSeats } from '../seat/seat-bookings.ts';
import type { Booking, BookingStatus, Bookings, Origin } from './booking.ts';
import { Payments } from './payments.ts';
import type {
  BuyerCommand,
  Cancellation,
  Charge,
  CommandContext,
  Payment,
  Reservation,
  Shop,
} from './roles.ts';

/** What selling is set to. */
export interface ShopSettings {
  /** How long a hold lasts, in milliseconds. Default 300,000. */
  readonly holdMs: number;
  /** A sold seat is refunded until this long before its session starts, in milliseconds. Default a day. */
  readonly refundCutoffMs: number;
  /** Seats of one order. Default 4. */
  readonly orderSeatsMax: number;
  /** ISO 4217; balances are kept in it. */
  readonly currency: string;
}

/** The buyers' commands with what the processes need of them: how what was left half way ends. */
export interface SeatSales extends Shop {
  /**
   * Brings a held payment to its end; the seat's or the order's stream is the arbiter. Sold by this payment: captured.
   * Still held by its reservation: sold, then captured. Sold and given back: left to `refund`. Anything else: released,
   * and only after it can no longer be sold to this payment. Done already is done. @throws EventStoreUnavailable
   */
  settle(payment: {
    readonly userId: string;
    readonly reservationId: string;
  }): Promise<Result<unknown>>;

  /** Gives the money of a refunded reservation back. Done already is done. @throws EventStoreUnavailable */
  refund(bill: Bill): Promise<Result<unknown>>;

  /**
   * Lets an order that a crash left half way end, and its seats follow it.
   * @returns whether nothing is left to do @throws EventStoreUnavailable
   */
  settleOrder(reservationId: string): Promise<boolean>;

  /**
   * Ends a hold whose time is over; nothing happens when it was paid or released. What is `known` of it saves a read.
   * @throws EventStoreUnavailable
   */
  expire(reservationId: string, known?: DueHold): Promise<Result<BookingStatus>>;

  /** Claims on held seats whose requests began by `sinceMs` and ended without an outcome here. */
  claimsInDoubt(sinceMs: number, limit: number, offset?: number): Promise<readonly Doubt[]>;

  /**
   * Lets go of such a claim unless its seats are held, once nothing can come of its request any more.
   * @returns whether it is settled
   */
  settleClaim(doubt: Doubt): Promise<boolean>;

  /** The reservation that holds or bought a seat by the log, an order's under the order's id; undefined for a free seat. */
  reservationOf(sessionId: string, seatId: string): Promise<string | undefined>;

  /** Gives back a reservation of a session that was cancelled, whoever's it is. @throws EventStoreUnavailable */
  cancelForOrganiser(reservationId: string): Promise<Result<unknown>>;
}

/** A hold as it was made, by a read model. `orderId`: of a seat that is one of an order. */
export type DueHold = Omit<Hold, 'ordinal'>;

export interface SeatSalesParts {
  readonly store: EventStore;
  readonly catalog: Catalog;
  readonly limit: HoldLimit;
  /** See `ClaimsParts`. */
  readonly bought?: ClaimsParts['bought'];
  readonly settings: ShopSettings;
  /** Milliseconds since the epoch: what is written down. */
  readonly now: () => number;
  /** The earliest that it may be, by which a hold is over or not. Default `now`. */
  readonly earliest?: () => number;
  /** Told of work after the answer that failed; the processes finish it. */
  readonly onLeftOver: (what: string, error: unknown) => void;
}

/** Puts the commands together from the deciders. */
export function sellSeats(parts: SeatSalesParts): SeatSales {
  return new Sales(parts);
}

class Sales implements SeatSales {
  readonly #parts: SeatSalesParts;
  readonly #earliest: () => number;
  readonly #wallet: Wallet;
  readonly #singles: SingleSeats;
  readonly #orders: SeatOrders;
  readonly #payments: Payments;
  readonly #claims: Claims;

  constructor(parts: SeatSalesParts) {
    this.#parts = parts;
    this.#earliest = parts.earliest ?? parts.now;
    this.#wallet = new Wallet(parts.store);
    this.#singles = new SingleSeats(parts.store);
    this.#orders = new SeatOrders(parts.store, this.#singles, this.#wallet);
    this.#claims = new Claims({ ...parts, seats: this.#singles });
    this.#payments = new Payments({
      wallet: this.#wallet,
      bookings: (reservationId) => this.#bookings(reservationId),
      onPaid: (booking) => this.#claims.end(booking, 'paid'),
      now: parts.now,
      earliest: this.#earliest,
      onLeftOver: parts.onLeftOver,
    });
  }

  async reserve(command: Parameters<Shop['reserve']>[0]): Promise<Result<Reservation>> {
    const { sessionId, userId, seatIds, context } = command;
    const { catalog, settings } = this.#parts;
    catalog.assertFresh();
    const nowMs = this.#parts.now();
    const wanted = onSale(catalog, command, { nowMs, seatsMax: settings.orderSeatsMax });
    if (!wanted.ok) return wanted;
    const { session, seats } = wanted.value;
    const expiresAtMs = nowMs + settings.holdMs;
    const { currency } = session;
    const request = { sessionId, userId, seats, currency, expiresAtMs };
    const [seat] = seats;
    const claim = { seatIds, untilMs: expiresAtMs, nowMs };
    const earliestMs = this.#earliest();
    const result = await this.#claims.reserve({ userId, sessionId }, claim, (begun) =>
      seats.length === 1 && seat !== undefined
        ? this.#reserveOne(seat, request, earliestMs, context)
        : this.#orders.place(request, earliestMs, context, begun),
    );
    return result.ok ? { ...result, value: toReservation(result.value) } : result;
  }

  async pay(command: BuyerCommand): Promise<Result<Payment>> {
    this.#parts.catalog.assertFresh();
    return this.#payments.pay(command);
  }

  async cancel({ userId, reservationId, context }: BuyerCommand): Promise<Result<Cancellation>> {
    const { commandId: _, ...origin } = context;
    return this.#cancelAs(userId, reservationId, origin);
  }

  async find(reservationId: string): Promise<Result<unknown>> {
    const ref = parseReservationId(reservationId);
    const isSeat =
      ref === undefined || this.#parts.catalog.session(ref.sessionId)?.prices.has(ref.seatId);
    // Who asks for what never was on sale costs no read.
    if (!isSeat) return refuse('reservation-not-found', `no reservation ${reservationId}`);
    const asked = { userId: undefined, nowMs: this.#earliest() };
    return this.#bookings(reservationId).find(reservationId, asked);
  }

  async charge(command: Parameters<Shop['charge']>[0]): Promise<Result<Charge>> {
    const { userId, chargeId, amount, context } = command;
    const { currency } = this.#parts.settings;
    const charge = { chargeId, amount, currency, nowMs: this.#parts.now() };
    const result = await this.#wallet.charge(userId, charge, context);
    if (!result.ok) return result;
    const { balance } = result.value;
    return { ...result, value: { userId, chargeId, balance, currency } };
  }

  settle(payment: { userId: string; reservationId: string }): Promise<Result<unknown>> {
    return this.#payments.settle(payment);
  }

  refund(bill: Bill): Promise<Result<unknown>> {
    return this.#wallet.refund(bill);
  }

  async settleOrder(reservationId: string): Promise<boolean> {
    const isSettled = await this.#orders.settle(reservationId);
    const asked = { userId: undefined, nowMs: this.#earliest() };
    const found = await this.#orders.find(reservationId, asked);
    const how = found.ok ? howEnded(found.value.status) : undefined;
    if (found.ok && how !== undefined) await this.#claims.end(found.value, how);
    return isSettled;
  }

  claimsInDoubt(sinceMs: number, limit: number, offset = 0): Promise<readonly Doubt[]> {
    return this.#claims.inDoubt(sinceMs, limit, offset);
  }

  settleClaim(doubt: Doubt): Promise<boolean> {
    return this.#claims.settle(doubt);
  }

  async expire(reservationId: string, known?: DueHold): Promise<Result<BookingStatus>> {
    const nowMs = this.#earliest();
    const ref = parseReservationId(reservationId);
    if (ref !== undefined && known !== undefined && known.orderId === undefined) {
      return this.#singles.expire(reservationId, nowMs, known);
    }
    if (ref !== undefined) {
      const { sessionId, seatId } = ref;
      let seat = await this.#singles.remembered(sessionId, seatId);
      if (!isOf(seat, reservationId)) seat = await this.#singles.current(sessionId, seatId);
      if (isOf(seat, reservationId) && seat.orderId !== undefined) {
        await this.#orders.releaseSeat(sessionId, seatId, seat.orderId, nowMs);
        const after = holdOf(await this.#singles.remembered(sessionId, seatId), reservationId);
        return { ok: true, value: after?.status ?? 'expired', position: null };
      }
    }
    return this.#bookings(reservationId).expire(reservationId, nowMs);
  }

  async reservationOf(sessionId: string, seatId: string): Promise<string | undefined> {
    const seat = await this.#singles.current(sessionId, seatId);
    if (seat.status === 'free') return undefined;
    return seat.orderId === undefined ? seat.reservationId : orderReservationId(seat.orderId);
  }

  cancelForOrganiser(reservationId: string): Promise<Result<unknown>> {
    return this.#cancelAs(undefined, reservationId, {});
  }

  async #cancelAs(
    userId: string | undefined,
    reservationId: string,
    origin: Origin,
  ): Promise<Result<Cancellation>> {
    const nowMs = this.#parts.now();
    const refundUntilMs = (sessionId: string) => this.#refundUntil(sessionId);
    const terms = { userId, nowMs, refundUntilMs };
    const cancelled = await this.#bookings(reservationId).cancel(reservationId, terms, origin);
    if (!cancelled.ok) return cancelled;
    const booking = cancelled.value;
    const { currency } = booking;
    const answer = { reservationId, status: 'cancelled', refunded: 0, currency } as const;
    if (booking.status !== 'refunded') {
      await this.#claims.end(booking, 'given-back');
      return { ...cancelled, value: answer };
    }
    const refunded = await this.#wallet.refund(booking, origin);
    if (!refunded.ok) return refunded;
    await this.#claims.end(booking, 'given-back');
    return { ...refunded, value: { ...answer, status: 'refunded', refunded: booking.amount } };
  }

  async #reserveOne(
    { seatId, price }: { readonly seatId: string; readonly price: number },
    request: OrderRequest,
    nowMs: number,
    context: CommandContext,
  ): Promise<Result<Booking>> {
    const { sessionId, userId, currency, expiresAtMs } = request;
    const seat = { sessionId, seatId, userId, price, currency, nowMs, expiresAtMs };
    const reserve = () =>
      this.#singles.execute(sessionId, seatId, { type: 'ReserveSeat', ...seat }, context);
    let result = await reserve();
    if (!result.ok) {
      const held = await this.#singles.remembered(sessionId, seatId);
      // An order's hold that is over does not give way by itself: its stream has to end first.
      if (held.status !== 'held' || held.orderId === undefined || held.expiresAtMs > nowMs)
        return result;
      await this.#orders.releaseSeat(sessionId, seatId, held.orderId, nowMs);
      result = await reserve();
      if (!result.ok) return result;
    }
    if (result.value.status !== 'held') throw new Error(`${seatId} was reserved and is not held`);
    const { reservationId, expiresAtMs: until } = result.value;
    const bill = { reservationId, userId, amount: result.value.price, currency };
    return {
      ...result,
      value: { ...bill, sessionId, seatIds: [seatId], expiresAtMs: until, status: 'held' },
    };
  }

  /** Who arbitrates: the order's stream or the seat's own. */
  #bookings(reservationId: string): Bookings {
    return parseOrderReservationId(reservationId) === undefined ? this.#singles : this.#orders;
  }

  #refundUntil(sessionId: string): number {
    const session = this.#parts.catalog.session(sessionId);
    if (session === undefined) return 0;
    return session.cancelled
      ? Number.POSITIVE_INFINITY
      : session.startsAtMs - this.#parts.settings.refundCutoffMs;
  }
}

/** What an order that is no longer held is to fair use; undefined for one whose time ended, which the limit knows. */
function howEnded(status: BookingStatus): HowEnded | undefined {
  switch (status) {
    case 'sold':
      return 'paid';
    case 'cancelled':
    case 'refunded':
      return 'given-back';
    case 'not-all':
      return 'never';
    case 'held':
    case 'expired':
      return undefined;
  }
}

const toReservation = (booking: Booking): Reservation => ({
  reservationId: booking.reservationId,
  status: 'held',
  seatIds: booking.seatIds,
  price: booking.amount,
  currency: booking.currency,
  expiresAt: new Date(booking.expiresAtMs).toISOString(),
});
