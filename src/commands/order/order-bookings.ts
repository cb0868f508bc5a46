import { orderReservationId, parseOrderReservationId, paymentId } from '../../events/ids.ts';
import type { Wallet } from '../account/accounts.ts';
import type { EventStore } from '../core/event-store.ts';
import { type Result, refuse } from '../core/result.ts';
import {
  type Booking,
  type BookingStatus,
  type Bookings,
  notYours,
  type Origin,
} from '../sales/booking.ts';
import type { SingleSeats } from '../seat/seat-bookings.ts';
import { bookingOf, type Placed, statusOf } from './order-booking.ts';
import { OrderPlacing } from './order-placing.ts';
import { giveBackOrderSeat, sellOrderSeat } from './order-seats.ts';
import { OrderStreams } from './order-streams.ts';

/** Orders of several seats: their stream arbitrates, the seats and the payment follow it. */
export class SeatOrders implements Bookings {
  readonly #orders: OrderStreams;
  readonly #seats: SingleSeats;
  readonly #wallet: Wallet;
  readonly #placing: OrderPlacing;

  constructor(store: EventStore, seats: SingleSeats, wallet: Wallet) {
    this.#orders = new OrderStreams(store);
    this.#seats = seats;
    this.#wallet = wallet;
    this.#placing = new OrderPlacing(this.#orders, seats, this);
  }

  /** See `OrderPlacing`. */
  place(...asked: Parameters<OrderPlacing['place']>): Promise<Result<Booking>> {
    return this.#placing.place(...asked);
  }

  /**
   * A seat that an order holds and whose time is over: ends the order if it can still end, and gives the seat back
   * if the order has ended. Afterwards the seat is free, or it is paid.
   */
  async releaseSeat(
    sessionId: string,
    seatId: string,
    orderId: string,
    nowMs: number,
  ): Promise<void> {
    await this.expire(orderReservationId(orderId), nowMs);
    const order = await this.#orders.current(orderId);
    if (order.status === 'none' || order.status === 'ended') {
      const reason = order.status === 'ended' ? order.reason : 'expired';
      await giveBackOrderSeat(this.#seats, { sessionId, seatId, orderId }, reason);
    }
  }

  async find(
    reservationId: string,
    { userId, nowMs, fresh = false }: Parameters<Bookings['find']>[1],
  ): Promise<Result<Booking>> {
    const orderId = orderIdOf(reservationId);
    let order = await (fresh ? this.#orders.current(orderId) : this.#orders.remembered(orderId));
    // Another instance may have sold it since it was remembered.
    const isOver = order.status === 'confirmed' && Date.parse(order.expiresAt) <= nowMs;
    if (isOver && !fresh) order = await this.#orders.current(orderId);
    if (order.status === 'none') return unknownOrder;
    if (userId !== undefined && order.userId !== userId) return notYours;
    return { ok: true, value: bookingOf(order), position: null };
  }

  async sell(reservationId: string, nowMs: number, origin: Origin): Promise<Result<unknown>> {
    const payment = paymentId(reservationId);
    return this.#orders.execute(
      orderIdOf(reservationId),
      { type: 'PayOrder', paymentId: payment, nowMs },
      { ...origin, commandId: `sell ${payment}` },
    );
  }

  async followSale(reservationId: string): Promise<void> {
    await this.finish(orderIdOf(reservationId));
  }

  async expire(reservationId: string, nowMs: number): Promise<Result<BookingStatus>> {
    const orderId = orderIdOf(reservationId);
    const command = { type: 'ExpireOrder', nowMs } as const;
    const result = await this.#orders.execute(orderId, command, { commandId: `expire ${orderId}` });
    if (!result.ok) return result;
    const order = result.value as Placed;
    if (order.status === 'ended') await this.finish(orderId);
    return { ...result, value: statusOf(order) };
  }

  async cancel(
    reservationId: string,
    { userId, nowMs, refundUntilMs }: Parameters<Bookings['cancel']>[1],
    origin: Origin,
  ): Promise<Result<Booking>> {
    const found = await this.find(reservationId, { userId, nowMs, fresh: true });
    if (!found.ok) return found;
    const orderId = orderIdOf(reservationId);
    const result = await this.#orders.execute(
      orderId,
      { type: 'CancelOrder', nowMs, refundUntilMs: refundUntilMs(found.value.sessionId) },
      { ...origin, commandId: `cancel ${orderId}` },
    );
    if (!result.ok) return result;
    await this.finish(orderId);
    return { ...result, value: bookingOf(result.value as Placed) };
  }

  /**
   * Gives up an order that was placed and never confirmed, as after a crash; then lets seats and money follow, those seats
   * too that were taken for it after it had ended.
   * @returns whether nothing is left to do
   */
  async settle(reservationId: string): Promise<boolean> {
    const orderId = orderIdOf(reservationId);
    const command = { type: 'AbandonOrder' } as const;
    const given = await this.#orders.execute(orderId, command, { commandId: `abandon ${orderId}` });
    return given.ok && this.finish(orderId, { late: true });
  }

  /**
   * Lets the seats and the payment follow what the order's stream says; again is done already. `late`: seats may have been
   * taken after the order was settled, by who did not know yet that it had ended.
   * @returns whether nothing is left to do
   */
  async finish(orderId: string, { late = false } = {}): Promise<boolean> {
    const order = await this.#orders.current(orderId);
    if ((order.status !== 'paid' && order.status !== 'ended') || (order.settled && !late)) {
      return true;
    }
    const { sessionId, userId, reservationId, price: amount, currency } = order;
    const isPaid = async () => (await this.#orders.current(orderId)).status === 'paid';
    for (const { seatId } of order.seats) {
      const followed =
        order.status === 'paid'
          ? await sellOrderSeat(
              this.#seats,
              { sessionId, seatId, orderId },
              order.paymentId,
              isPaid,
            )
          : await giveBackOrderSeat(this.#seats, { sessionId, seatId, orderId }, order.reason);
      if (!followed) return false;
    }
    const bill = { userId, reservationId, amount, currency };
    const paid =
      order.status === 'paid'
        ? await this.#wallet.capture(bill)
        : order.reason === 'refunded'
          ? await this.#wallet.refund(bill)
          : undefined;
    if (paid && !paid.ok && paid.refusal.code === 'overloaded') return false;
    const settled = await this.#orders.execute(
      orderId,
      { type: 'SettleOrder', as: order.status },
      { commandId: `settle ${orderId} ${order.status}` },
    );
    return settled.ok;
  }
}

const unknownOrder = refuse('reservation-not-found', 'no such order');

function orderIdOf(reservationId: string): string {
  const orderId = parseOrderReservationId(reservationId);
  if (orderId === undefined) throw new Error(`not an order's reservation: ${reservationId}`);
  return orderId;
}
