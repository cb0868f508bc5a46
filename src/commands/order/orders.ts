import { orderReservationId, paymentId } from '../../events/ids.ts';
import { orderStream } from '../../events/streams.ts';
import type { Accounts } from '../account/accounts.ts';
import type { CommandContext, RequestContext } from '../core/command-context.ts';
import { CommandHandler, type HandlerOf } from '../core/command-handler.ts';
import type { EventStore } from '../core/event-store.ts';
import { type Result, refuse } from '../core/result.ts';
import {
  type Asked,
  type Booking,
  type BookingStatus,
  type CancelTerms,
  notYours,
  type OrderBookingRef,
} from '../sales/booking.ts';
import type { OrderSeat, OrderSeats, SeatBookings } from '../seat/seat-bookings.ts';
import {
  type OrderCommand,
  type OrderEndReason,
  type OrderState,
  orderDecider,
  type PlacedOrder,
  placedOrder,
} from './decider.ts';

/**
 * Placed orders of several seats. They are paid or ended, and then their seats and their money
 * follow. The order's stream decides. `place-order.ts` places orders.
 */
export class Orders implements OrderSeats {
  readonly #orders: HandlerOf<typeof orderDecider>;
  readonly #seats: SeatBookings;
  readonly #accounts: Accounts;

  constructor(store: EventStore, seats: SeatBookings, accounts: Accounts) {
    this.#orders = new CommandHandler(store, orderDecider, { assumeNew: true });
    this.#seats = seats;
    this.#accounts = accounts;
  }

  /**
   * Runs any command on an order. The answer to an accepted command is a placed order, because the
   * decider refuses commands on a missing order.
   */
  async execute(
    orderId: string,
    command: OrderCommand,
    context: CommandContext,
  ): Promise<Result<PlacedOrder>> {
    const result = await this.#orders.execute(orderStream(orderId), command, context);
    return result.ok ? { ...result, value: placedOrder(result.value) } : result;
  }

  /** The current order by the log. */
  current(orderId: string): Promise<OrderState> {
    return this.#orders.state(orderStream(orderId), { fresh: true });
  }

  /** See `Bookings.find`. */
  async find({ orderId }: OrderBookingRef, asked: Asked): Promise<Result<Booking>> {
    const { userId, nowMs, fresh = false } = asked;
    let order = await this.#orders.state(orderStream(orderId), { fresh });
    // The order is unknown here, or another instance may have sold it since it was remembered. Then
    // read the log.
    const isOver = order.status === 'confirmed' && Date.parse(order.expiresAt) <= nowMs;
    if (!fresh && (order.status === 'none' || isOver)) order = await this.current(orderId);
    if (order.status === 'none') return unknownOrder;
    if (userId !== undefined && order.userId !== userId) return notYours;
    return { ok: true, value: booking(order), position: null };
  }

  /** See `Bookings.sell`. */
  sell(
    { reservationId, orderId }: OrderBookingRef,
    nowMs: number,
    request: RequestContext,
  ): Promise<Result<unknown>> {
    const payment = paymentId(reservationId);
    return this.execute(
      orderId,
      { type: 'PayOrder', paymentId: payment, nowMs },
      { ...request, commandId: `sell ${payment}` },
    );
  }

  /** See `Bookings.expire`. */
  async expire({ orderId }: OrderBookingRef, nowMs: number): Promise<Result<BookingStatus>> {
    const command = { type: 'ExpireOrder', nowMs } as const;
    const result = await this.execute(orderId, command, { commandId: `expire ${orderId}` });
    if (!result.ok) return result;
    if (result.value.status === 'ended') await this.finish(orderId);
    return { ...result, value: statusOf(result.value) };
  }

  /** See `Bookings.cancel`. */
  async cancel(
    ref: OrderBookingRef,
    { userId, nowMs, refundUntilMs }: CancelTerms,
    request: RequestContext,
  ): Promise<Result<Booking>> {
    const found = await this.find(ref, { userId, nowMs, fresh: true });
    if (!found.ok) return found;
    const { orderId } = ref;
    const result = await this.execute(
      orderId,
      { type: 'CancelOrder', nowMs, refundUntilMs: refundUntilMs(found.value.sessionId) },
      { ...request, commandId: `cancel ${orderId}` },
    );
    if (!result.ok) return result;
    await this.finish(orderId);
    return { ...result, value: booking(result.value) };
  }

  /**
   * Releases an order's seat whose time is over. It ends the order if this is still possible. If
   * the order has ended, it gives the seat back. Afterwards the seat is free or paid.
   */
  async releaseSeat(seat: OrderSeat, nowMs: number): Promise<void> {
    const { orderId } = seat;
    const reservationId = orderReservationId(orderId);
    await this.expire({ kind: 'order', reservationId, orderId }, nowMs);
    const order = await this.current(orderId);
    if (order.status === 'none' || order.status === 'ended') {
      await this.#giveBackSeat(seat, order.status === 'ended' ? order.reason : 'expired');
    }
  }

  /**
   * Gives up an order that was placed and not confirmed, after a crash or because a seat was
   * missing. Then seats and money follow, including seats that were taken for the order after its
   * end.
   * @returns whether nothing is left to do
   */
  async settle(orderId: string): Promise<boolean> {
    const command = { type: 'AbandonOrder' } as const;
    const given = await this.execute(orderId, command, { commandId: `abandon ${orderId}` });
    return given.ok && this.finish(orderId, { late: true });
  }

  /**
   * Makes the seats and the payment follow the order's stream. Idempotent.
   * @param late seats may have been taken after the order was settled, by a command that did not
   * know that it had ended
   * @returns whether nothing is left to do
   */
  async finish(orderId: string, { late = false } = {}): Promise<boolean> {
    const order = await this.current(orderId);
    if ((order.status !== 'paid' && order.status !== 'ended') || (order.settled && !late)) {
      return true;
    }
    const { sessionId, userId, reservationId, price: amount, currency } = order;
    for (const { seatId } of order.seats) {
      const seat = { sessionId, seatId, orderId };
      const followed =
        order.status === 'paid'
          ? await this.#sellSeat(seat, order.paymentId)
          : await this.#giveBackSeat(seat, order.reason);
      if (!followed) return false;
    }
    const bill = { userId, reservationId, amount, currency };
    const moved =
      order.status === 'paid'
        ? await this.#accounts.capture(bill)
        : order.reason === 'refunded'
          ? await this.#accounts.refund(bill)
          : undefined;
    if (moved && !moved.ok && moved.refusal.code === 'overloaded') return false;
    const settled = await this.execute(
      orderId,
      { type: 'SettleOrder', as: order.status },
      { commandId: `settle ${orderId} ${order.status}` },
    );
    return settled.ok;
  }

  /**
   * Sells a seat of a paid order. Idempotent: it does nothing if the seat is no longer held for the
   * order.
   * @returns true if nothing is left to do; false: try again
   * @throws Error if the seat refused to follow
   */
  async #sellSeat(seat: OrderSeat, paymentId: string): Promise<boolean> {
    const { sessionId, seatId, orderId } = seat;
    const held = await this.#seats.current(sessionId, seatId);
    if (held.status !== 'held' || held.orderId !== orderId) return true;
    const { reservationId } = held;
    const sold = await this.#seats.execute(
      seat,
      { type: 'SellSeat', reservationId, paymentId, nowMs: 0 },
      { commandId: `sell ${reservationId}` },
    );
    if (sold.ok) return true;
    // The seat was refunded since then. So nothing is left to sell, and other code does the rest.
    const isStillPaid = (await this.current(orderId)).status === 'paid';
    return isStillPaid && followed(sold, `seat ${seatId} of the paid order ${orderId}`);
  }

  /** Gives back a seat of an ended order. Idempotent. Returns and throws like `#sellSeat`. */
  async #giveBackSeat(seat: OrderSeat, reason: OrderEndReason): Promise<boolean> {
    const { sessionId, seatId, orderId } = seat;
    const taken = await this.#seats.current(sessionId, seatId);
    if (taken.status === 'free' || taken.orderId !== orderId) return true;
    const { reservationId } = taken;
    const back = await this.#seats.execute(
      seat,
      { type: 'GiveBack', reservationId, reason },
      { commandId: `give back ${reservationId}` },
    );
    return followed(back, `seat ${seatId} of the ended order ${orderId}`);
  }
}

const unknownOrder = refuse('reservation-not-found', 'no such order');

/**
 * Did the seat follow its order? Not yet if too many commands wait for the seat.
 * @throws Error if the seat refused
 */
function followed(result: Result<unknown>, what: string): boolean {
  if (!result.ok && result.refusal.code !== 'overloaded') {
    throw new Error(`${what}: ${result.refusal.detail}`);
  }
  return result.ok;
}

/** An order in the form for paying and cancelling. */
function booking(order: PlacedOrder): Booking {
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

function statusOf(order: PlacedOrder): BookingStatus {
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
