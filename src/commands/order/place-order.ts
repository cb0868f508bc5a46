import assert from 'node:assert/strict';
import { type CommandContext, type RequestContext, requestOf } from '../core/command-context.ts';
import { type Result, refuse } from '../core/result.ts';
import type { Reservation } from '../sales/roles.ts';
import { isOver, type SeatState } from '../seat/decider.ts';
import type { SeatBookings } from '../seat/seat-bookings.ts';
import type { Order } from './decider.ts';
import {
  inSequence,
  isSameRequest,
  nameOrder,
  type OrderRequest,
  orderOf,
} from './order-request.ts';
import type { Orders } from './orders.ts';

/**
 * The largest number of orders that one command may begin, if it is repeated after they have ended.
 */
const turnsMax = 20;

/** The result of taking an order's seats. */
interface TakenSeats {
  readonly result: Result<Reservation>;
  /** The buyer's other order that has one of the seats. */
  readonly heldFor?: string | undefined;
}

/** Places orders: takes their seats, all or none. */
export class OrderPlacement {
  readonly #orders: Orders;
  readonly #seats: SeatBookings;

  constructor(orders: Orders, seats: SeatBookings) {
    this.#orders = orders;
    this.#seats = seats;
  }

  /**
   * Takes every seat or none. If one seat is refused, the taken seats are given back, even after a
   * crash in between. If the command comes again, it continues its order. If that order has ended,
   * it begins another one.
   * @param begun called once an order is in the log
   */
  async place(
    request: OrderRequest,
    nowMs: number,
    context: CommandContext,
    begun: () => void,
  ): Promise<Result<Reservation>> {
    assert(request.seats.length >= 2, 'one seat is reserved on its own stream, without an order');
    const refused = await this.#refuseIfTaken(request, nowMs);
    if (refused !== undefined) return refused;
    for (let turn = 0; turn < turnsMax; turn++) {
      const orderId = nameOrder(request, context.commandId, turn);
      const order = orderOf(orderId, request);
      const placed = await this.#orders.execute(
        orderId,
        { type: 'PlaceOrder', order },
        { ...context, commandId: `place ${orderId}` },
      );
      if (!placed.ok) return placed;
      begun();
      const state = placed.value;
      const isOpen = state.status === 'placed' || state.status === 'confirmed';
      if (isOpen && Date.parse(state.expiresAt) <= nowMs) {
        await this.#orders.expire(
          { kind: 'order', orderId, reservationId: order.reservationId },
          nowMs,
        );
      } else if (state.status === 'placed') {
        const asked = requestOf(context);
        const { result, heldFor } = await this.#takeSeats(orderId, state, nowMs, asked);
        if (heldFor === undefined) return result;
        return (await this.#sameOrder(heldFor, request, nowMs, asked)) ?? result;
      } else if (state.status !== 'ended') {
        return { ...placed, value: reservation(state) };
      }
    }
    return refuse(
      'overloaded',
      'the service has begun too many orders for this command, and none got the seats',
    );
  }

  /**
   * Refuses an order before anything is written, if a seat is remembered as taken and the log
   * confirms this. Otherwise the order would be written and given up. Meanwhile its other seats
   * would look taken.
   */
  async #refuseIfTaken({ sessionId, userId, seats }: OrderRequest, nowMs: number) {
    const isElses = (seat: SeatState | undefined) =>
      seat !== undefined &&
      seat.status !== 'free' &&
      !isOver(seat, nowMs) &&
      seat.userId !== userId;
    for (const { seatId } of seats) {
      if (!isElses(this.#seats.known(sessionId, seatId))) continue;
      const seat = await this.#seats.current(sessionId, seatId);
      if (isElses(seat)) return refuse('seat-taken', `${seatId}: the seat is ${seat.status}`);
    }
    return undefined;
  }

  /** Takes a placed order's seats and confirms the order, or gives it up. */
  async #takeSeats(
    orderId: string,
    order: Order,
    nowMs: number,
    request: RequestContext,
  ): Promise<TakenSeats> {
    const { sessionId, userId, currency } = order;
    const expiresAtMs = Date.parse(order.expiresAt);
    for (const { seatId, price } of inSequence(order.seats)) {
      const seat = { sessionId, seatId, userId, price, currency, nowMs, expiresAtMs, orderId };
      const taken = await this.#seats.take(
        { type: 'ReserveSeat', ...seat },
        { ...request, commandId: `${orderId} ${seatId}` },
        this.#orders,
      );
      if (taken.ok) continue;
      await this.#orders.settle(orderId);
      const { code, detail } = taken.refusal;
      const isOwn = taken.seat.status === 'held' && taken.seat.userId === userId;
      return {
        result: refuse(code, `${seatId}: ${detail}`),
        heldFor: isOwn ? taken.seat.orderId : undefined,
      };
    }
    const confirmed = await this.#orders.execute(
      orderId,
      { type: 'ConfirmOrder' },
      { ...request, commandId: `confirm ${orderId}` },
    );
    if (confirmed.ok) return { result: { ...confirmed, value: reservation(confirmed.value) } };
    await this.#orders.finish(orderId, { late: true });
    return { result: confirmed };
  }

  /**
   * A user who reserves held seats again gets the existing hold. After a double click, the first
   * request may still be taking the seats. Then this request also takes them, for the first one's
   * order. So both requests get the same answer, in any order.
   */
  async #sameOrder(
    orderId: string,
    asked: OrderRequest,
    nowMs: number,
    request: RequestContext,
  ): Promise<Result<Reservation> | undefined> {
    const order = await this.#orders.current(orderId);
    if (order.status === 'none' || !isSameRequest(order, asked)) return undefined;
    if (order.status === 'placed') {
      return (await this.#takeSeats(orderId, order, nowMs, request)).result;
    }
    return order.status === 'confirmed'
      ? { ok: true, value: reservation(order), position: null }
      : undefined;
  }
}

/** An order in the form for its buyer. */
const reservation = ({ reservationId, seats, price, currency, expiresAt }: Order): Reservation => ({
  ...{ reservationId, status: 'held', price, currency, expiresAt },
  seatIds: seats.map(({ seatId }) => seatId),
});
