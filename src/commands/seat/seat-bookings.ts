import { paymentId, type ReservationRef, reservationId } from '../../events/ids.ts';
import { seatStream } from '../../events/streams.ts';
import type { CommandContext, RequestContext } from '../core/command-context.ts';
import { CommandHandler, type HandlerOf } from '../core/command-handler.ts';
import type { EventStore } from '../core/event-store.ts';
import { holdExpired, type Refusal, type Result, refuse } from '../core/result.ts';
import {
  type Asked,
  type Booking,
  type BookingStatus,
  type CancelTerms,
  noReservation,
  notYours,
  type SeatBookingRef,
} from '../sales/booking.ts';
import type { Reservation } from '../sales/roles.ts';
import {
  type EndedHold,
  type Held,
  heldSeat,
  holdOf,
  isOf,
  isOver,
  type KnownHold,
  type ReserveSeat,
  type SeatCommand,
  type SeatState,
  seatDecider,
  type Taken,
} from './decider.ts';
import { heldStill, pastHold } from './past-hold.ts';

/** A seat of an order. */
export interface OrderSeat {
  readonly sessionId: string;
  readonly seatId: string;
  readonly orderId: string;
}

/** Frees a seat that an order holds for too long. The order must end first. */
export interface OrderSeats {
  releaseSeat(seat: OrderSeat, nowMs: number): Promise<void>;
}

/** The result of taking a seat. After a refusal, it names the holder, if known. */
export type TakenSeat =
  | { readonly ok: true; readonly value: Held; readonly position: bigint | null }
  | { readonly ok: false; readonly refusal: Refusal; readonly seat: SeatState };

/**
 * The commands on seats, and the reservations of one seat. The seat's stream decides about them.
 */
export class SeatBookings {
  readonly #seats: HandlerOf<typeof seatDecider>;
  readonly #store: EventStore;
  readonly #epoch: () => string | undefined;

  /** @param epoch the epoch of a restored log. Default: no restore */
  constructor(store: EventStore, epoch: () => string | undefined = () => undefined) {
    this.#store = store;
    this.#epoch = epoch;
    this.#seats = new CommandHandler(store, seatDecider, { assumeNew: true });
  }

  /** Runs any command on a seat. */
  execute(
    { sessionId, seatId }: Pick<OrderSeat, 'sessionId' | 'seatId'>,
    command: SeatCommand,
    context: CommandContext,
  ): Promise<Result<SeatState>> {
    return this.#seats.execute(seatStream(sessionId, seatId), command, context);
  }

  /** The current seat by the log. */
  current(sessionId: string, seatId: string): Promise<SeatState> {
    return this.#seats.state(seatStream(sessionId, seatId), { fresh: true });
  }

  /** The seat after the last command on it. The answer to that command has proven it. */
  remembered(sessionId: string, seatId: string): Promise<SeatState> {
    return this.#seats.state(seatStream(sessionId, seatId));
  }

  /** The remembered seat, if any. It may be out of date. */
  known(sessionId: string, seatId: string): SeatState | undefined {
    return this.#seats.known(seatStream(sessionId, seatId));
  }

  /** Reserves one seat for a buyer. */
  async reserve(
    command: ReserveSeat,
    context: CommandContext,
    orders: OrderSeats,
  ): Promise<Result<Reservation>> {
    const taken = await this.take(command, context, orders);
    if (!taken.ok) return { ok: false, refusal: taken.refusal };
    return { ...taken, value: reservation(command.seatId, taken.value) };
  }

  /**
   * Holds a seat, alone or as part of an order. If an order holds the seat for too long, the order
   * must end first. The expired hold of a single seat needs no such step.
   */
  async take(
    command: ReserveSeat,
    context: CommandContext,
    orders: OrderSeats,
  ): Promise<TakenSeat> {
    const { sessionId, seatId, nowMs } = command;
    const epoch = this.#epoch();
    const numbered = epoch === undefined ? command : { ...command, epoch };
    let result = await this.execute(command, numbered, context);
    if (result.ok) return { ...result, value: heldSeat(result.value) };
    const seat = await this.remembered(sessionId, seatId);
    if (isOver(seat, nowMs) && seat.orderId !== undefined) {
      await orders.releaseSeat({ sessionId, seatId, orderId: seat.orderId }, nowMs);
      result = await this.execute(command, numbered, context);
      if (result.ok) return { ...result, value: heldSeat(result.value) };
    }
    return { ...result, seat };
  }

  /** See `Bookings.find`. */
  async find(ref: SeatBookingRef, { userId, nowMs, fresh }: Asked): Promise<Result<Booking>> {
    let hold = fresh ? undefined : await this.#holdOf(ref, { fresh: false });
    // The seat is unknown here, or another instance may have sold it since it was remembered. Then
    // read the log.
    if (hold === undefined || isOver(hold, nowMs)) hold = await this.#holdOf(ref, { fresh: true });
    if (hold === undefined) return noReservation(ref.reservationId);
    if (userId !== undefined && hold.userId !== userId) return notYours;
    if (hold.orderId !== undefined) {
      return refuse('reservation-not-found', `it is part of the reservation order.${hold.orderId}`);
    }
    return { ok: true, value: booking(ref, hold), position: null };
  }

  /** See `Bookings.sell`. */
  sell(ref: SeatBookingRef, nowMs: number, request: RequestContext): Promise<Result<SeatState>> {
    const { reservationId } = ref;
    const payment = paymentId(reservationId);
    return this.execute(
      ref,
      { type: 'SellSeat', reservationId, paymentId: payment, nowMs },
      { ...request, commandId: `sell ${payment}` },
    );
  }

  /**
   * See `Bookings.expire`.
   * @param known the hold from a read model, which saves the read of a seat that is not remembered
   */
  async expire(
    ref: SeatBookingRef,
    nowMs: number,
    known?: KnownHold,
  ): Promise<Result<BookingStatus>> {
    const { reservationId } = ref;
    const result = await this.#seats.execute(
      seatStream(ref.sessionId, ref.seatId),
      { type: 'ExpireHold', reservationId, nowMs },
      { commandId: `expire ${reservationId}` },
      known && heldStill({ ...known, ordinal: ref.ordinal }),
    );
    if (!result.ok) return result;
    const hold = holdOf(result.value, reservationId) ?? (await this.#holdOf(ref, { fresh: true }));
    // A reservation that never existed can never be sold.
    return { ...result, value: hold?.status ?? 'expired' };
  }

  /** See `Bookings.cancel`. */
  async cancel(
    ref: SeatBookingRef,
    { userId, nowMs, refundUntilMs }: CancelTerms,
    request: RequestContext,
  ): Promise<Result<Booking>> {
    const { reservationId } = ref;
    let ended = await this.find(ref, { userId, nowMs, fresh: true });
    if (ended.ok && (ended.value.status === 'held' || ended.value.status === 'sold')) {
      const terms = { nowMs, refundUntilMs: refundUntilMs(ref.sessionId) };
      const result = await this.execute(
        ref,
        { type: 'CancelReservation', reservationId, ...terms },
        { ...request, commandId: `cancel ${reservationId}` },
      );
      // The reservation has ended since it was found. The answer says how, and a later request gets
      // the same answer.
      if (!result.ok && result.refusal.code !== 'hold-expired') return result;
      const after = await this.find(ref, { userId, nowMs });
      ended = after.ok && result.ok ? { ...after, position: result.position } : after;
    }
    if (!ended.ok) return ended;
    const { status } = ended.value;
    return status === 'cancelled' || status === 'refunded' ? ended : holdExpired;
  }

  /**
   * The order that holds or has bought the seat by this reservation; undefined if there is no such
   * order.
   */
  async orderOf({ sessionId, seatId, reservationId }: SeatBookingRef): Promise<string | undefined> {
    let seat = await this.remembered(sessionId, seatId);
    if (!isOf(seat, reservationId)) seat = await this.current(sessionId, seatId);
    return isOf(seat, reservationId) ? seat.orderId : undefined;
  }

  /** The remembered state of a reservation. If the seat no longer knows it, it has ended. */
  async statusOf({ sessionId, seatId, reservationId }: SeatBookingRef): Promise<BookingStatus> {
    const seat = await this.remembered(sessionId, seatId);
    return holdOf(seat, reservationId)?.status ?? 'expired';
  }

  /**
   * A reservation's hold. If it is the seat's current or last one, it comes from memory. With
   * `fresh`, it comes from the log, at any age.
   */
  async #holdOf(
    ref: ReservationRef,
    { fresh }: { readonly fresh: boolean },
  ): Promise<Taken | EndedHold | undefined> {
    const seat = await this.#seats.state(seatStream(ref.sessionId, ref.seatId), { fresh });
    const hold = holdOf(seat, reservationId(ref));
    return hold === undefined && fresh && ref.ordinal < seat.ordinal
      ? pastHold(this.#store, ref)
      : hold;
  }
}

/** A hold in the form for its buyer. */
const reservation = (
  seatId: string,
  { reservationId, price, currency, expiresAtMs }: Held,
): Reservation => ({
  ...{ reservationId, status: 'held', seatIds: [seatId], price, currency },
  expiresAt: new Date(expiresAtMs).toISOString(),
});

/** A hold in the form for paying and cancelling. */
function booking({ sessionId, seatId }: ReservationRef, hold: Taken | EndedHold): Booking {
  const { reservationId, userId, price: amount, currency, expiresAtMs, status } = hold;
  const seatIds = [seatId];
  return { reservationId, userId, amount, currency, sessionId, seatIds, expiresAtMs, status };
}
