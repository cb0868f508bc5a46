import assert from 'node:assert/strict';
import type { EventData, SeatEvent } from '../../events/events.ts';
import { parseReservationId, reservationId } from '../../events/ids.ts';
import { become, type Decider, type Decision } from '../core/decider.ts';
import { holdExpired, refuse } from '../core/result.ts';

/**
 * Who has a seat. `ordinal` counts the holds that the seat ever had; times are ms since the epoch.
 */
export type SeatState =
  | { readonly status: 'free'; readonly ordinal: number; readonly last?: EndedHold }
  | Taken;

/** The hold that a seat has now. */
export type Taken = Held | ({ readonly status: 'sold'; readonly paymentId: string } & Hold);

export type Held = { readonly status: 'held' } & Hold;

export interface Hold {
  readonly ordinal: number;
  readonly reservationId: string;
  readonly userId: string;
  readonly price: number;
  readonly currency: string;
  readonly expiresAtMs: number;
  /**
   * Set when the seat is one of an order's: then the order's stream arbitrates, and the seat
   * follows.
   */
  readonly orderId: string | undefined;
}

/** A hold as a read model has it. */
export type KnownHold = Omit<Hold, 'ordinal'>;

/** A hold that the seat had, and how it ended. */
export type EndedHold = { readonly status: ReleaseReason } & Hold;

export type ReleaseReason = EventData['SeatReleased']['reason'];

/** Holds the seat for a buyer, or as one of an order's. */
export interface ReserveSeat {
  readonly type: 'ReserveSeat';
  readonly sessionId: string;
  readonly seatId: string;
  readonly userId: string;
  readonly price: number;
  readonly currency: string;
  readonly nowMs: number;
  readonly expiresAtMs: number;
  readonly orderId?: string;
  /** Of a log that was restored. */
  readonly epoch?: string;
}

export type SeatCommand =
  | ReserveSeat
  | {
      readonly type: 'SellSeat';
      readonly reservationId: string;
      readonly paymentId: string;
      readonly nowMs: number;
    }
  /**
   * Ends a hold whose time is over. Writes nothing when the reservation no longer holds the seat.
   */
  | { readonly type: 'ExpireHold'; readonly reservationId: string; readonly nowMs: number }
  /** Gives a held seat back, or a sold one for its money. */
  | {
      readonly type: 'CancelReservation';
      readonly reservationId: string;
      readonly nowMs: number;
      /**
       * A sold seat is refunded before this moment only; Infinity when the session was cancelled.
       */
      readonly refundUntilMs: number;
    }
  /**
   * The seat follows its order, which ended. Writes nothing when the reservation no longer has it.
   */
  | { readonly type: 'GiveBack'; readonly reservationId: string; readonly reason: ReleaseReason };

type SeatDecision = Decision<SeatState, SeatEvent, SeatState>;
type Of<T extends SeatCommand['type']> = Extract<SeatCommand, { type: T }>;

/**
 * The arbiter of a seat. Two buyers race on its stream, or paying and expiring, or paying and
 * cancelling, and one append wins. A command answers with the state of the seat after it.
 */
export const seatDecider: Decider<SeatState, SeatCommand, SeatEvent, SeatState> = {
  initial: { status: 'free', ordinal: 0 },
  evolve,
  // Its reservation's id says which of the seat's holds it is. No command needs the holds before
  // it.
  isWhole: ({ type, data }) =>
    type === 'SeatReserved' && parseReservationId(data.reservationId) !== undefined,
  decide(command, state) {
    switch (command.type) {
      case 'ReserveSeat':
        return reserve(command, state);
      case 'SellSeat':
        return sell(command, state);
      case 'ExpireHold':
        return expire(command, state);
      case 'CancelReservation':
        return cancel(command, state);
      case 'GiveBack':
        return giveBack(command, state);
    }
  },
};

function evolve(state: SeatState, event: SeatEvent): SeatState {
  switch (event.type) {
    case 'SeatReserved': {
      const { expiresAt, orderId, ...hold } = event.data;
      const ordinal = parseReservationId(hold.reservationId)?.ordinal ?? state.ordinal + 1;
      return { status: 'held', ...hold, ordinal, orderId, expiresAtMs: Date.parse(expiresAt) };
    }
    case 'SeatSold':
      return state.status === 'held'
        ? { ...state, status: 'sold', paymentId: event.data.paymentId }
        : state;
    case 'SeatReleased':
      if (state.status === 'free') return state;
      return {
        status: 'free',
        ordinal: state.ordinal,
        last: { ...state, status: event.data.reason },
      };
  }
}

/** Is the seat held by, or sold to, this reservation? */
export const isOf = (state: SeatState, reservationId: string): state is Taken =>
  state.status !== 'free' && state.reservationId === reservationId;

/** The reservation's hold, as long as it is the seat's present or last one. */
export function holdOf(state: SeatState, reservationId: string): Taken | EndedHold | undefined {
  const hold = state.status === 'free' ? state.last : state;
  return hold?.reservationId === reservationId ? hold : undefined;
}

/** Asserts that a seat which was reserved is held. @throws AssertionError */
export function heldSeat(state: SeatState): Held {
  assert(state.status === 'held', `a seat that was reserved is ${state.status}`);
  return state;
}

/** An order's seat never ends by its own clock: it could have been paid with the others. */
export const isOver = (state: SeatState | EndedHold, nowMs: number): state is Held =>
  state.status === 'held' && state.expiresAtMs <= nowMs;

function reserve(command: Of<'ReserveSeat'>, state: SeatState): SeatDecision {
  const { userId, price, currency, nowMs, orderId } = command;
  if (state.status === 'sold') return refuse('seat-taken', 'the seat is sold');
  if (state.status === 'held') {
    const own = state.userId === userId && state.orderId === orderId;
    const over = isOver(state, nowMs);
    if (own && !over) return become();
    if (!over || state.orderId !== undefined) return refuse('seat-taken', 'the seat is held');
  }
  const reserved: SeatEvent = {
    type: 'SeatReserved',
    data: {
      reservationId: reservationId({ ...command, ordinal: state.ordinal + 1 }),
      userId,
      price,
      currency,
      expiresAt: new Date(command.expiresAtMs).toISOString(),
      ...(orderId === undefined ? {} : { orderId }),
    },
  };
  // A hold that is over gives way in the same append: the seat is bookable on time even when the
  // process that ends holds is dead.
  return state.status === 'held' ? become(released(state, 'expired'), reserved) : become(reserved);
}

function sell(command: Of<'SellSeat'>, state: SeatState): SeatDecision {
  if (!isOf(state, command.reservationId)) return holdExpired;
  if (state.status === 'sold') {
    return state.paymentId === command.paymentId
      ? become()
      : refuse('seat-taken', 'the seat is sold by another payment');
  }
  if (state.orderId === undefined && isOver(state, command.nowMs)) return holdExpired;
  const { reservationId, userId } = state;
  const { paymentId } = command;
  return become({ type: 'SeatSold', data: { reservationId, paymentId, userId } });
}

function expire(command: Of<'ExpireHold'>, state: SeatState): SeatDecision {
  const ends =
    isOver(state, command.nowMs) &&
    state.orderId === undefined &&
    state.reservationId === command.reservationId;
  // Not over yet by this clock: nothing to do now, the process that ends holds comes again.
  return ends ? become(released(state, 'expired')) : become();
}

function cancel(command: Of<'CancelReservation'>, state: SeatState): SeatDecision {
  const { reservationId, nowMs, refundUntilMs } = command;
  if (!isOf(state, reservationId)) {
    const status = holdOf(state, reservationId)?.status;
    return status === 'cancelled' || status === 'refunded' ? become() : holdExpired;
  }
  if (state.status === 'held') return become(released(state, 'cancelled'));
  return nowMs < refundUntilMs
    ? become(released(state, 'refunded'))
    : refuse(
        'refund-too-late',
        'the session begins so soon that the service no longer refunds a sold seat',
      );
}

function giveBack({ reservationId, reason }: Of<'GiveBack'>, state: SeatState): SeatDecision {
  if (!isOf(state, reservationId)) return become();
  // Its order was refunded before this seat came to be sold.
  const neverSold = state.status === 'held' && reason === 'refunded';
  return become(released(state, neverSold ? 'cancelled' : reason));
}

function released(state: Taken, reason: ReleaseReason): SeatEvent {
  const { reservationId, userId, currency } = state;
  const refund = state.status === 'sold' ? { paymentId: state.paymentId, amount: state.price } : {};
  return { type: 'SeatReleased', data: { reservationId, userId, reason, currency, ...refund } };
}
