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

/** How a seat gets free that an order holds for longer than it may: the order has to end first. */
export interface OrderSeats {
  releaseSeat(seat: OrderSeat, nowMs: number): Promise<void>;
}

/** What became of taking a seat; when it was refused, with who has it as far as this is known. */
export type TakenSeat =
  | { readonly ok: true; readonly value: Held; readonly position: bigint | null }
  | { readonly ok: false; readonly refusal: Refusal; readonly seat: SeatState };

/** The commands on seats, and the reservations of one seat, whose stream is their arbiter. */
export class SeatBookings {
  readonly #seats: HandlerOf<typeof seatDecider>;
  readonly #store: EventStore;
  readonly #epoch: () => string | undefined;

  /** @param epoch of a log that was restored. Default: it never was */
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

  /** The seat as it is now, by the log. */
  current(sessionId: string, seatId: string): Promise<SeatState> {
    return this.#seats.state(seatStream(sessionId, seatId), { fresh: true });
  }

  /** The seat as the last command on it left it: proven when that command was answered. */
  remembered(sessionId: string, seatId: string): Promise<SeatState> {
    return this.#seats.state(seatStream(sessionId, seatId));
  }

  /** The seat as it is remembered, if it is; this may be out of date. */
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
   * Holds a seat, for itself or as one of an order. The hold of an order that is over does not give
   * way by itself, as a single seat's does: the order ends first.
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
    // Unknown here, or sold by another instance since it was remembered: the log says.
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
   * @param known the hold as it was made: saves the read of a seat that is not remembered
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
    // What never was can never be sold.
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
      // Ended since it was found: the answer says how, now as later.
      if (!result.ok && result.refusal.code !== 'hold-expired') return result;
      const after = await this.find(ref, { userId, nowMs });
      ended = after.ok && result.ok ? { ...after, position: result.position } : after;
    }
    if (!ended.ok) return ended;
    const { status } = ended.value;
    return status === 'cancelled' || status === 'refunded' ? ended : holdExpired;
  }

  /** The order that holds or bought the seat by this reservation; undefined when no order does. */
  async orderOf({ sessionId, seatId, reservationId }: SeatBookingRef): Promise<string | undefined> {
    let seat = await this.remembered(sessionId, seatId);
    if (!isOf(seat, reservationId)) seat = await this.current(sessionId, seatId);
    return isOf(seat, reservationId) ? seat.orderId : undefined;
  }

  /** What became of a reservation, as remembered: what the seat has forgotten has ended. */
  async statusOf({ sessionId, seatId, reservationId }: SeatBookingRef): Promise<BookingStatus> {
    const seat = await this.remembered(sessionId, seatId);
    return holdOf(seat, reservationId)?.status ?? 'expired';
  }

  /**
   * A reservation's hold, as remembered if it is the seat's present or last one; `fresh`: by the
   * log, however old it is.
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

/** A hold as its buyer is answered. */
const reservation = (
  seatId: string,
  { reservationId, price, currency, expiresAtMs }: Held,
): Reservation => ({
  ...{ reservationId, status: 'held', seatIds: [seatId], price, currency },
  expiresAt: new Date(expiresAtMs).toISOString(),
});

/** A hold as paying and cancelling see it. */
function booking({ sessionId, seatId }: ReservationRef, hold: Taken | EndedHold): Booking {
  const { reservationId, userId, price: amount, currency, expiresAtMs, status } = hold;
  const seatIds = [seatId];
  return { reservationId, userId, amount, currency, sessionId, seatIds, expiresAtMs, status };
}
