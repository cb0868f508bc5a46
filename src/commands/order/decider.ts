import type { EventData, OrderEvent } from '../../events/events.ts';
import { accept, type Decider, type Decision } from '../core/decider.ts';
import { holdExpired, refuse } from '../core/result.ts';

/**
 * Several seats reserved, paid and cancelled as one. The order's stream is the arbiter between paying, expiring and
 * cancelling; its seats and its payment follow what it says.
 */
export type OrderState =
  | { readonly status: 'none' }
  | ({ readonly status: 'placed' | 'confirmed' } & Order)
  | ({ readonly status: 'paid'; readonly paymentId: string; readonly settled: boolean } & Order)
  | ({
      readonly status: 'ended';
      readonly reason: EndReason;
      /** The payment to give back, when it was paid. */
      readonly paymentId: string | undefined;
      readonly settled: boolean;
    } & Order);

export type Order = EventData['OrderPlaced'];
export type EndReason = EventData['OrderEnded']['reason'];

export type OrderCommand =
  | { readonly type: 'PlaceOrder'; readonly order: Order }
  /** Every seat is held. */
  | { readonly type: 'ConfirmOrder' }
  | { readonly type: 'PayOrder'; readonly paymentId: string; readonly nowMs: number }
  /** Ends an order whose time is over; done when it was paid or ended before. */
  | { readonly type: 'ExpireOrder'; readonly nowMs: number }
  /** Gives up an order whose seats could not all be had; done when it was confirmed or ended before. */
  | { readonly type: 'AbandonOrder' }
  | {
      readonly type: 'CancelOrder';
      readonly nowMs: number;
      /** A paid order is refunded before this moment only. */
      readonly refundUntilMs: number;
    }
  /** Seats and money have followed the order that was paid, or that ended; done when it went on since. */
  | { readonly type: 'SettleOrder'; readonly as: 'paid' | 'ended' };

type OrderDecision = Decision<OrderEvent, OrderState>;
type Of<T extends OrderCommand['type']> = Extract<OrderCommand, { type: T }>;

export const orderDecider: Decider<OrderState, OrderCommand, OrderEvent, OrderState> = {
  initial: { status: 'none' },
  evolve,
  decide(command, state) {
    if (command.type === 'PlaceOrder') {
      return state.status === 'none'
        ? write(state, { type: 'OrderPlaced', data: command.order })
        : accept([], state);
    }
    if (state.status === 'none') return refuse('reservation-not-found', 'no such order');
    switch (command.type) {
      case 'ConfirmOrder':
        return confirm(state);
      case 'PayOrder':
        return pay(command, state);
      case 'ExpireOrder': {
        const over = isOpen(state) && Date.parse(state.expiresAt) <= command.nowMs;
        return over ? end(state, 'expired') : accept([], state);
      }
      case 'AbandonOrder':
        return state.status === 'placed' ? end(state, 'not-all') : accept([], state);
      case 'CancelOrder':
        return cancel(command, state);
      case 'SettleOrder':
        return settle(command, state);
    }
  },
};

function evolve(state: OrderState, event: OrderEvent): OrderState {
  if (event.type === 'OrderPlaced') return { status: 'placed', ...event.data };
  if (state.status === 'none') return state;
  switch (event.type) {
    case 'OrderConfirmed':
      return { ...state, status: 'confirmed' };
    case 'OrderPaid':
      return { ...state, status: 'paid', paymentId: event.data.paymentId, settled: false };
    case 'OrderEnded': {
      const paymentId = state.status === 'paid' ? state.paymentId : undefined;
      return { ...state, status: 'ended', reason: event.data.reason, paymentId, settled: false };
    }
    case 'OrderSettled':
      return state.status === 'paid' || state.status === 'ended'
        ? { ...state, settled: true }
        : state;
  }
}

type Placed = Exclude<OrderState, { status: 'none' }>;

const isOpen = (state: OrderState): boolean =>
  state.status === 'placed' || state.status === 'confirmed';

function confirm(state: Placed): OrderDecision {
  if (state.status === 'placed') return write(state, { type: 'OrderConfirmed', data: {} });
  return state.status === 'ended' ? holdExpired : accept([], state);
}

function pay({ paymentId, nowMs }: Of<'PayOrder'>, state: Placed): OrderDecision {
  if (state.status === 'paid') return accept([], state);
  const payable = state.status === 'confirmed' && Date.parse(state.expiresAt) > nowMs;
  return payable ? write(state, { type: 'OrderPaid', data: { paymentId } }) : holdExpired;
}

function cancel({ nowMs, refundUntilMs }: Of<'CancelOrder'>, state: Placed): OrderDecision {
  if (state.status === 'ended') {
    return state.reason === 'cancelled' || state.reason === 'refunded'
      ? accept([], state)
      : holdExpired;
  }
  if (state.status !== 'paid') return end(state, 'cancelled');
  return nowMs < refundUntilMs
    ? end(state, 'refunded')
    : refuse('refund-too-late', 'sold seats are not refunded any more so short before the session');
}

function settle({ as }: Of<'SettleOrder'>, state: Placed): OrderDecision {
  return state.status === as && !state.settled
    ? write(state, { type: 'OrderSettled', data: {} })
    : accept([], state);
}

const end = (state: Placed, reason: EndReason): OrderDecision =>
  write(state, { type: 'OrderEnded', data: { reason } });

const write = (state: OrderState, event: OrderEvent): OrderDecision =>
  accept([event], evolve(state, event));
