import { orderReservationId, parseOrderReservationId, paymentId } from '../events/ids.ts';
import { orderStream } from '../events/streams.ts';
import {
  type Booking,
  type BookingStatus,
  type Bookings,
  notYours,
  type Origin,
} from './booking.ts';
import type { EventStore } from './event-store.ts';
import { CommandHandler } from './handle-command.ts';
import { type OrderCommand, type OrderState, orderDecider } from './order/order.ts';
import {
  inSequence,
  isSameRequest,
  nameOrder,
  type OrderRequest,
  orderOf,
  requestOf,
} from './order/order-request.ts';
import { giveBackOrderSeat, sellOrderSeat } from './order-seats.ts';
import { type Result, refuse } from './result.ts';
import type { CommandContext } from './shop.ts';
import type { SingleSeats } from './single-seats.ts';
import type { Wallet } from './wallet.ts';

type Placed = Exclude<OrderState, { status: 'none' }>;

/** Orders that one command may begin when it comes again and again after they ended. */
const turnsMax = 20;

/** Orders of several seats: their stream arbitrates, the seats and the payment follow it. */
export class SeatOrders implements Bookings {
  private readonly orders: CommandHandler<
    OrderState,
    OrderCommand,
    Parameters<typeof orderDecider.evolve>[1],
    OrderState
  >;
  private readonly seats: SingleSeats;
  private readonly wallet: Wallet;

  constructor(store: EventStore, seats: SingleSeats, wallet: Wallet) {
    this.orders = new CommandHandler(store, orderDecider, { assumeNew: true });
    this.seats = seats;
    this.wallet = wallet;
  }

  /**
   * Takes every seat or none: what was taken is given back when one is refused, also after a crash in between. The same
   * command again goes on with the order it began; when that one has ended, with another.
   * @param begun called once an order is in the log
   */
  async place(
    request: OrderRequest,
    nowMs: number,
    context: CommandContext,
    begun: () => void,
  ): Promise<Result<Booking>> {
    const { commandId: _, ...origin } = context;
    for (let turn = 0; turn < turnsMax; turn++) {
      const orderId = nameOrder(request, context.commandId, turn);
      const order = orderOf(orderId, request);
      const commandId = `place ${orderId}`;
      const placed = await this.execute(
        orderId,
        { type: 'PlaceOrder', order },
        { ...context, commandId },
      );
      if (!placed.ok) return placed;
      begun();
      const state = placed.value as Placed;
      const open = state.status === 'placed' || state.status === 'confirmed';
      if (open && Date.parse(state.expiresAt) <= nowMs) {
        await this.expire(order.reservationId, nowMs);
      } else if (state.status === 'placed') {
        const { result, heldFor } = await this.takeSeats(orderId, requestOf(state), nowMs, origin);
        if (heldFor === undefined) return result;
        return (await this.sameOrder(heldFor, request, nowMs, origin)) ?? result;
      } else if (state.status !== 'ended') {
        return { ...placed, value: booking(state) };
      }
    }
    return refuse('overloaded', 'this command began too many orders that came to nothing');
  }

  /** Takes a placed order's seats and confirms it, or gives it up; `heldFor`: another order of the buyer's has one of them. */
  private async takeSeats(
    orderId: string,
    request: OrderRequest,
    nowMs: number,
    origin: Origin,
  ): Promise<{ readonly result: Result<Booking>; readonly heldFor?: string | undefined }> {
    for (const seat of inSequence(request.seats)) {
      const refused = await this.takeSeat(orderId, seat, { ...request, nowMs }, origin);
      if (refused === undefined) continue;
      await this.execute(orderId, { type: 'AbandonOrder' }, { commandId: `abandon ${orderId}` });
      await this.finish(orderId, { late: true });
      return refused;
    }
    const confirmed = await this.execute(
      orderId,
      { type: 'ConfirmOrder' },
      { ...origin, commandId: `confirm ${orderId}` },
    );
    if (confirmed.ok) {
      return { result: { ...confirmed, value: booking(confirmed.value as Placed) } };
    }
    await this.finish(orderId, { late: true });
    return { result: confirmed };
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
    const order = await this.orders.state(orderStream(orderId), { fresh: true });
    if (order.status === 'none' || order.status === 'ended') {
      const reason = order.status === 'ended' ? order.reason : 'expired';
      await giveBackOrderSeat(this.seats, { sessionId, seatId, orderId }, reason);
    }
  }

  async find(
    reservationId: string,
    { userId, nowMs, fresh = false }: Parameters<Bookings['find']>[1],
  ): Promise<Result<Booking>> {
    let order = await this.load(reservationId, { fresh });
    // Another instance may have sold it since it was remembered.
    const isOver = order.status === 'confirmed' && Date.parse(order.expiresAt) <= nowMs;
    if (isOver) order = await this.load(reservationId, { fresh: true });
    if (order.status === 'none') return unknownOrder;
    if (userId !== undefined && order.userId !== userId) return notYours;
    return { ok: true, value: booking(order), position: null };
  }

  async sell(reservationId: string, nowMs: number, origin: Origin): Promise<Result<unknown>> {
    const payment = paymentId(reservationId);
    return this.execute(
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
    const result = await this.execute(orderId, command, { commandId: `expire ${orderId}` });
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
    const result = await this.execute(
      orderId,
      { type: 'CancelOrder', nowMs, refundUntilMs: refundUntilMs(found.value.sessionId) },
      { ...origin, commandId: `cancel ${orderId}` },
    );
    if (!result.ok) return result;
    await this.finish(orderId);
    return { ...result, value: booking(result.value as Placed) };
  }

  /**
   * Gives up an order that was placed and never confirmed, as after a crash; then lets seats and money follow, those seats
   * too that were taken for it after it had ended.
   * @returns whether nothing is left to do
   */
  async settle(reservationId: string): Promise<boolean> {
    const orderId = orderIdOf(reservationId);
    const command = { type: 'AbandonOrder' } as const;
    const given = await this.execute(orderId, command, { commandId: `abandon ${orderId}` });
    return given.ok && this.finish(orderId, { late: true });
  }

  /**
   * Lets the seats and the payment follow what the order's stream says; again is done already. `late`: seats may have been
   * taken after the order was settled, by who did not know yet that it had ended.
   * @returns whether nothing is left to do
   */
  private async finish(orderId: string, { late = false } = {}): Promise<boolean> {
    const stream = orderStream(orderId);
    const order = await this.orders.state(stream, { fresh: true });
    if ((order.status !== 'paid' && order.status !== 'ended') || (order.settled && !late)) {
      return true;
    }
    const { sessionId, userId, reservationId, price: amount, currency } = order;
    const isPaid = async () => (await this.orders.state(stream, { fresh: true })).status === 'paid';
    for (const { seatId } of order.seats) {
      const followed =
        order.status === 'paid'
          ? await sellOrderSeat(this.seats, { sessionId, seatId, orderId }, order.paymentId, isPaid)
          : await giveBackOrderSeat(this.seats, { sessionId, seatId, orderId }, order.reason);
      if (!followed) return false;
    }
    const bill = { userId, reservationId, amount, currency };
    const paid =
      order.status === 'paid'
        ? await this.wallet.capture(bill)
        : order.reason === 'refunded'
          ? await this.wallet.refund(bill)
          : undefined;
    if (paid && !paid.ok && paid.refusal.code === 'overloaded') return false;
    const settled = await this.execute(
      orderId,
      { type: 'SettleOrder', as: order.status },
      { commandId: `settle ${orderId} ${order.status}` },
    );
    return settled.ok;
  }

  /** @returns undefined when the seat is held for the order, else why not and for which order of the buyer's it is held */
  private async takeSeat(
    orderId: string,
    { seatId, price }: { readonly seatId: string; readonly price: number },
    { sessionId, userId, currency, nowMs, expiresAtMs }: OrderRequest & { readonly nowMs: number },
    origin: Origin,
  ) {
    const reserve = () =>
      this.seats.execute(
        sessionId,
        seatId,
        {
          type: 'ReserveSeat',
          sessionId,
          seatId,
          userId,
          price,
          currency,
          nowMs,
          expiresAtMs,
          orderId,
        },
        { ...origin, commandId: `${orderId} ${seatId}` },
      );
    let result = await reserve();
    if (result.ok) return undefined;
    const seat = await this.seats.remembered(sessionId, seatId);
    const other = seat.status === 'held' ? seat.orderId : undefined;
    if (other !== undefined && seat.status === 'held' && seat.expiresAtMs <= nowMs) {
      await this.releaseSeat(sessionId, seatId, other, nowMs);
      result = await reserve();
      if (result.ok) return undefined;
    }
    const isOwn = seat.status === 'held' && seat.userId === userId;
    return {
      result: refuse(result.refusal.code, `${seatId}: ${result.refusal.detail}`),
      heldFor: isOwn ? other : undefined,
    };
  }

  /**
   * Reserving again what the user holds answers with that hold. When the first request is still taking the seats (a
   * double click), this one takes them too, for the first one's order: whoever is first, both have the same answer.
   */
  private async sameOrder(
    orderId: string,
    request: OrderRequest,
    nowMs: number,
    origin: Origin,
  ): Promise<Result<Booking> | undefined> {
    const order = await this.orders.state(orderStream(orderId), { fresh: true });
    if (order.status === 'none' || !isSameRequest(order, request)) return undefined;
    if (order.status === 'placed') {
      return (await this.takeSeats(orderId, requestOf(order), nowMs, origin)).result;
    }
    return order.status === 'confirmed'
      ? { ok: true, value: booking(order), position: null }
      : undefined;
  }

  private async load(reservationId: string, options: { readonly fresh: boolean }) {
    const stream = orderStream(orderIdOf(reservationId));
    const known = await this.orders.state(stream, options);
    return known.status === 'none' && !options.fresh
      ? this.orders.state(stream, { fresh: true })
      : known;
  }

  private execute(orderId: string, command: OrderCommand, context: CommandContext) {
    return this.orders.execute(orderStream(orderId), command, context);
  }
}

const unknownOrder = refuse('reservation-not-found', 'no such order');

function orderIdOf(reservationId: string): string {
  const orderId = parseOrderReservationId(reservationId);
  if (orderId === undefined) throw new Error(`not an order's reservation: ${reservationId}`);
  return orderId;
}

function booking(order: Placed): Booking {
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

function statusOf(order: Placed): BookingStatus {
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
