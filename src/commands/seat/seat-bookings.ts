import {
  parseReservationId,
  paymentId,
  type ReservationRef,
  reservationId,
} from '../../events/ids.ts';
import { seatStream } from '../../events/streams.ts';
import { CommandHandler } from '../core/command-handler.ts';
import type { EventStore } from '../core/event-store.ts';
import { holdExpired, type Result, refuse } from '../core/result.ts';
import {
  type Booking,
  type BookingStatus,
  type Bookings,
  isOpen,
  notYours,
  type Origin,
} from '../sales/booking.ts';
import type { CommandContext } from '../sales/roles.ts';
import {
  type Ended,
  type Hold,
  holdOf,
  isOver,
  type SeatCommand,
  type SeatState,
  seatDecider,
  type Taken,
} from './decider.ts';
import { heldStill, pastHold } from './past-hold.ts';

/** The commands on seats, and the reservations of one seat, whose stream is their arbiter. */
export class SingleSeats implements Bookings {
  readonly #seats: CommandHandler<
    SeatState,
    SeatCommand,
    Parameters<typeof seatDecider.evolve>[1],
    SeatState
  >;

  readonly #store: EventStore;

  constructor(store: EventStore) {
    this.#store = store;
    this.#seats = new CommandHandler(store, seatDecider, { assumeNew: true });
  }

  /** Runs any command on a seat. */
  execute(
    sessionId: string,
    seatId: string,
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

  /** The seat as it is remembered, if it is: that may be over. */
  known(sessionId: string, seatId: string): SeatState | undefined {
    return this.#seats.known(seatStream(sessionId, seatId));
  }

  async find(
    reservationId: string,
    { userId, nowMs, fresh = false }: Parameters<Bookings['find']>[1],
  ): Promise<Result<Booking>> {
    const ref = parseReservationId(reservationId);
    if (ref === undefined) return unknown(reservationId);
    let hold = fresh ? undefined : await this.#holdOf(ref, { fresh: false });
    // Unknown here, or sold by another instance since it was remembered: the log says.
    if (hold === undefined || isOver(hold, nowMs)) hold = await this.#holdOf(ref, { fresh: true });
    if (hold === undefined) return unknown(reservationId);
    if (userId !== undefined && hold.userId !== userId) return notYours;
    if (hold.orderId !== undefined) {
      return refuse('reservation-not-found', `it is part of the reservation order.${hold.orderId}`);
    }
    return { ok: true, value: booking(ref, hold), position: null };
  }

  sell(reservationId: string, nowMs: number, origin: Origin): Promise<Result<SeatState>> {
    const { sessionId, seatId } = refOf(reservationId);
    const payment = paymentId(reservationId);
    return this.execute(
      sessionId,
      seatId,
      { type: 'SellSeat', reservationId, paymentId: payment, nowMs },
      { ...origin, commandId: `sell ${payment}` },
    );
  }

  /** The seat's stream is the sale: nothing has to follow. */
  async followSale(): Promise<void> {}

  /** @param known the hold as it was made: saves the read of a seat that is not remembered */
  async expire(
    reservationId: string,
    nowMs: number,
    known?: Omit<Hold, 'ordinal'>,
  ): Promise<Result<BookingStatus>> {
    const ref = refOf(reservationId);
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

  async cancel(
    reservationId: string,
    { userId, nowMs, refundUntilMs }: Parameters<Bookings['cancel']>[1],
    origin: Origin,
  ): Promise<Result<Booking>> {
    let ended = await this.find(reservationId, { userId, nowMs, fresh: true });
    if (ended.ok && isOpen(ended.value.status)) {
      const { sessionId, seatId } = refOf(reservationId);
      const result = await this.execute(
        sessionId,
        seatId,
        {
          type: 'CancelReservation',
          reservationId,
          nowMs,
          refundUntilMs: refundUntilMs(sessionId),
        },
        { ...origin, commandId: `cancel ${reservationId}` },
      );
      // Ended since it was found: how, is told like to whoever asks later.
      if (!result.ok && result.refusal.code !== 'hold-expired') return result;
      const after = await this.find(reservationId, { userId, nowMs });
      ended = after.ok && result.ok ? { ...after, position: result.position } : after;
    }
    if (!ended.ok) return ended;
    const { status } = ended.value;
    return status === 'cancelled' || status === 'refunded' ? ended : holdExpired;
  }

  /** A reservation's hold, as remembered if it is the seat's present or last one; `fresh`: by the log, however old it is. */
  async #holdOf(
    ref: ReservationRef,
    { fresh }: { readonly fresh: boolean },
  ): Promise<Taken | Ended | undefined> {
    const seat = await this.#seats.state(seatStream(ref.sessionId, ref.seatId), { fresh });
    const hold = holdOf(seat, reservationId(ref));
    return hold === undefined && fresh && ref.ordinal < seat.ordinal
      ? pastHold(this.#store, ref)
      : hold;
  }
}

const unknown = (reservationId: string) =>
  refuse('reservation-not-found', `no reservation ${reservationId}`);

function refOf(reservationId: string): ReservationRef {
  const ref = parseReservationId(reservationId);
  if (ref === undefined) throw new Error(`not a seat's reservation: ${reservationId}`);
  return ref;
}

function booking({ sessionId, seatId }: ReservationRef, hold: Taken | Ended): Booking {
  const { reservationId, userId, price: amount, currency, expiresAtMs, status } = hold;
  const seatIds = [seatId];
  return { reservationId, userId, amount, currency, sessionId, seatIds, expiresAtMs, status };
}
