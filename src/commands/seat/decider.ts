import assert from 'node:assert/strict';
import type { EventData, SeatEvent } from '../../events/events.ts';
import { parseReservationId, reservationId } from '../../events/ids.ts';
import { become, type Decider, type Decision } from '../core/decider.ts';
import { holdExpired, refuse } from '../core/result.ts';

/**
 * The owner of a seat. `ordinal` counts all holds that the seat ever had. Times are ms since the
 * epoch.
 */
export type SeatState =
  | { readonly status: 'free'; readonly ordinal: number; readonly last?: EndedHold }
  | Taken;

/** The current hold of a seat. */
export type Taken = Held | ({ readonly status: 'sold'; readonly paymentId: string } & Hold);

export type Held = { readonly status: 'held' } & Hold;

export interface Hold {
  readonly ordinal: number;
  readonly reservationId: string;
  readonly userId: string;
  readonly price: number;
  readonly currency: string;
  readonly expiresAtMs: number;
  /** Set if the seat belongs to an order. Then the order's stream decides, and the seat follows. */
  readonly orderId: string | undefined;
}

/** A hold in a read model. */
export type KnownHold = Omit<Hold, 'ordinal'>;

/** A past hold of the seat, with its end. */
export type EndedHold = { readonly status: ReleaseReason } & Hold;

export type ReleaseReason = EventData['SeatReleased']['reason'];

/** Holds the seat for a buyer, alone or as part of an order. */
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
  /** The epoch of a log that was restored. */
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
  /** Ends a hold whose time is over. Writes nothing if the reservation no longer holds the seat. */
  | { readonly type: 'ExpireHold'; readonly reservationId: string; readonly nowMs: number }
  /** Gives a held seat back, or gives a sold seat back for its money. */
  | {
      readonly type: 'CancelReservation';
      readonly reservationId: string;
      readonly nowMs: number;
      /** A sold seat is refunded only before this moment. Infinity if the session was cancelled. */
      readonly refundUntilMs: number;
    }
  /**
   * The seat follows its order, which has ended. Writes nothing if the reservation no longer has
   * the seat.
   */
  | { readonly type: 'GiveBack'; readonly reservationId: string; readonly reason: ReleaseReason };

type SeatDecision = Decision<SeatState, SeatEvent, SeatState>;
type Of<T extends SeatCommand['type']> = Extract<SeatCommand, { type: T }>;

/**
 * Decides about a seat. Two buyers may compete on its stream, or paying and expiring, or paying and
 * cancelling. One append wins. The answer to a command is the state of the seat after it.
 */
export const seatDecider: Decider<SeatState, SeatCommand, SeatEvent, SeatState> = {
  initial: { status: 'free', ordinal: 0 },
  evolve,
  // The reservation's id contains the number of the hold. No command needs the holds before it.
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

/** Does this reservation hold the seat, or has it bought the seat? */
export const isOf = (state: SeatState, reservationId: string): state is Taken =>
  state.status !== 'free' && state.reservationId === reservationId;

/** The reservation's hold, if it is the seat's current or last one. */
export function holdOf(state: SeatState, reservationId: string): Taken | EndedHold | undefined {
  const hold = state.status === 'free' ? state.last : state;
  return hold?.reservationId === reservationId ? hold : undefined;
}

/** Asserts that a seat which was reserved is held. @throws AssertionError */
export function heldSeat(state: SeatState): Held {
  assert(state.status === 'held', `a seat that was reserved is ${state.status}`);
  return state;
}

/** The hold of an order's seat never ends alone, because the order may be paid. */
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
  // The same append ends a hold whose time is over. So the seat is bookable on time, even if the
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
  // By this clock, the hold is not over yet. The process that ends holds will try again.
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
  // The order was refunded before this seat was sold.
  const neverSold = state.status === 'held' && reason === 'refunded';
  return become(released(state, neverSold ? 'cancelled' : reason));
}

function released(state: Taken, reason: ReleaseReason): SeatEvent {
  const { reservationId, userId, currency } = state;
  const refund = state.status === 'sold' ? { paymentId: state.paymentId, amount: state.price } : {};
  return { type: 'SeatReleased', data: { reservationId, userId, reason, currency, ...refund } };
}
