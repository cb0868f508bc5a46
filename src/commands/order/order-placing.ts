import { type Result, refuse } from '../core/result.ts';
import type { Booking, Origin } from '../sales/booking.ts';
import type { CommandContext } from '../sales/roles.ts';
import type { SeatState } from '../seat/decider.ts';
import type { SingleSeats } from '../seat/seat-bookings.ts';
import { bookingOf, type Placed } from './order-booking.ts';
import type { SeatOrders } from './order-bookings.ts';
import {
  inSequence,
  isSameRequest,
  nameOrder,
  type OrderRequest,
  orderOf,
  requestOf,
} from './order-request.ts';
import type { OrderStreams } from './order-streams.ts';

/** Orders that one command may begin when it comes again and again after they ended. */
const turnsMax = 20;

type Ends = Pick<SeatOrders, 'expire' | 'finish' | 'releaseSeat'>;

/** Places orders: takes their seats, all or none. */
export class OrderPlacing {
  readonly #orders: OrderStreams;
  readonly #seats: SingleSeats;
  readonly #ends: Ends;

  /** @param ends how orders end, and what follows them */
  constructor(orders: OrderStreams, seats: SingleSeats, ends: Ends) {
    this.#orders = orders;
    this.#seats = seats;
    this.#ends = ends;
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
    const taken = await this.#refuseIfTaken(request, nowMs);
    if (taken !== undefined) return taken;
    for (let turn = 0; turn < turnsMax; turn++) {
      const orderId = nameOrder(request, context.commandId, turn);
      const order = orderOf(orderId, request);
      const commandId = `place ${orderId}`;
      const placed = await this.#orders.execute(
        orderId,
        { type: 'PlaceOrder', order },
        { ...context, commandId },
      );
      if (!placed.ok) return placed;
      begun();
      const state = placed.value as Placed;
      const open = state.status === 'placed' || state.status === 'confirmed';
      if (open && Date.parse(state.expiresAt) <= nowMs) {
        await this.#ends.expire(order.reservationId, nowMs);
      } else if (state.status === 'placed') {
        const { result, heldFor } = await this.#takeSeats(orderId, requestOf(state), nowMs, origin);
        if (heldFor === undefined) return result;
        return (await this.#sameOrder(heldFor, request, nowMs, origin)) ?? result;
      } else if (state.status !== 'ended') {
        return { ...placed, value: bookingOf(state) };
      }
    }
    return refuse('overloaded', 'this command began too many orders that came to nothing');
  }

  /**
   * An order with a seat that is somebody else's would be written and given up, and its other seats with it, which look taken
   * meanwhile. What is remembered as taken, and is so by the log, is refused before anything is written.
   */
  async #refuseIfTaken(
    { sessionId, userId, seats }: OrderRequest,
    nowMs: number,
  ): Promise<Result<Booking> | undefined> {
    const isElses = (seat: SeatState | undefined) =>
      (seat?.status === 'sold' || (seat?.status === 'held' && seat.expiresAtMs > nowMs)) &&
      seat.userId !== userId;
    for (const { seatId } of seats) {
      if (!isElses(this.#seats.known(sessionId, seatId))) continue;
      const seat = await this.#seats.current(sessionId, seatId);
      if (isElses(seat)) return refuse('seat-taken', `${seatId}: the seat is ${seat.status}`);
    }
    return undefined;
  }

  /** Takes a placed order's seats and confirms it, or gives it up; `heldFor`: another order of the buyer's has one of them. */
  async #takeSeats(
    orderId: string,
    request: OrderRequest,
    nowMs: number,
    origin: Origin,
  ): Promise<{ readonly result: Result<Booking>; readonly heldFor?: string | undefined }> {
    for (const seat of inSequence(request.seats)) {
      const refused = await this.#takeSeat(orderId, seat, { ...request, nowMs }, origin);
      if (refused === undefined) continue;
      await this.#orders.execute(
        orderId,
        { type: 'AbandonOrder' },
        { commandId: `abandon ${orderId}` },
      );
      await this.#ends.finish(orderId, { late: true });
      return refused;
    }
    const confirmed = await this.#orders.execute(
      orderId,
      { type: 'ConfirmOrder' },
      { ...origin, commandId: `confirm ${orderId}` },
    );
    if (confirmed.ok) {
      return { result: { ...confirmed, value: bookingOf(confirmed.value as Placed) } };
    }
    await this.#ends.finish(orderId, { late: true });
    return { result: confirmed };
  }

  /** @returns undefined when the seat is held for the order, else why not and for which order of the buyer's it is held */
  async #takeSeat(
    orderId: string,
    { seatId, price }: { readonly seatId: string; readonly price: number },
    { sessionId, userId, currency, nowMs, expiresAtMs }: OrderRequest & { readonly nowMs: number },
    origin: Origin,
  ) {
    const reserve = () =>
      this.#seats.execute(
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
    const seat = await this.#seats.remembered(sessionId, seatId);
    const other = seat.status === 'held' ? seat.orderId : undefined;
    if (other !== undefined && seat.status === 'held' && seat.expiresAtMs <= nowMs) {
      await this.#ends.releaseSeat(sessionId, seatId, other, nowMs);
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
  async #sameOrder(
    orderId: string,
    request: OrderRequest,
    nowMs: number,
    origin: Origin,
  ): Promise<Result<Booking> | undefined> {
    const order = await this.#orders.current(orderId);
    if (order.status === 'none' || !isSameRequest(order, request)) return undefined;
    if (order.status === 'placed') {
      return (await this.#takeSeats(orderId, requestOf(order), nowMs, origin)).result;
    }
    return order.status === 'confirmed'
      ? { ok: true, value: bookingOf(order), position: null }
      : undefined;
  }
}
