import assert from 'node:assert/strict';
import type { EventData, OrderEvent } from '../../events/events.ts';
import { become, type Decider, type Decision } from '../core/decider.ts';
import { holdExpired, refuse } from '../core/result.ts';

/**
 * Several seats that are reserved, paid and cancelled together. The order's stream decides between
 * paying, expiring and cancelling. The seats and the payment follow it.
 */
export type OrderState =
  | { readonly status: 'none' }
  | ({ readonly status: 'placed' | 'confirmed' } & Order)
  | ({ readonly status: 'paid'; readonly paymentId: string; readonly settled: boolean } & Order)
  | ({
      readonly status: 'ended';
      readonly reason: OrderEndReason;
      /** The payment to give back, when it was paid. */
      readonly paymentId: string | undefined;
      readonly settled: boolean;
    } & Order);

export type Order = EventData['OrderPlaced'];
export type OrderEndReason = EventData['OrderEnded']['reason'];

/** An order that was placed, in any state since. */
export type PlacedOrder = Exclude<OrderState, { status: 'none' }>;

export type OrderCommand =
  | { readonly type: 'PlaceOrder'; readonly order: Order }
  /** Every seat is held. */
  | { readonly type: 'ConfirmOrder' }
  | { readonly type: 'PayOrder'; readonly paymentId: string; readonly nowMs: number }
  /** Ends an order whose time is over. Writes nothing if the order was already paid or ended. */
  | { readonly type: 'ExpireOrder'; readonly nowMs: number }
  /**
   * Gives up an order that lacks a seat. Writes nothing if the order was already confirmed or
   * ended.
   */
  | { readonly type: 'AbandonOrder' }
  | {
      readonly type: 'CancelOrder';
      readonly nowMs: number;
      /** A paid order is refunded only before this moment. */
      readonly refundUntilMs: number;
    }
  /**
   * The seats and the money have followed the order. Writes nothing if the order has changed since
   * then.
   */
  | { readonly type: 'SettleOrder'; readonly as: 'paid' | 'ended' };

type OrderDecision = Decision<OrderState, OrderEvent, OrderState>;
type Of<T extends OrderCommand['type']> = Extract<OrderCommand, { type: T }>;

export const orderDecider: Decider<OrderState, OrderCommand, OrderEvent, OrderState> = {
  initial: { status: 'none' },
  evolve,
  decide(command, state) {
    if (command.type === 'PlaceOrder') {
      return state.status === 'none'
        ? become({ type: 'OrderPlaced', data: command.order })
        : become();
    }
    if (state.status === 'none') return refuse('reservation-not-found', 'no such order');
    switch (command.type) {
      case 'ConfirmOrder':
        return confirm(state);
      case 'PayOrder':
        return pay(command, state);
      case 'ExpireOrder': {
        const over = isOpen(state) && Date.parse(state.expiresAt) <= command.nowMs;
        return over ? end('expired') : become();
      }
      case 'AbandonOrder':
        return state.status === 'placed' ? end('not-all') : become();
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

/**
 * Asserts that the order exists, because nothing is decided on a missing order.
 * @throws AssertionError
 */
export function placedOrder(state: OrderState): PlacedOrder {
  assert(state.status !== 'none', 'an order was placed before anything else happened to it');
  return state;
}

const isOpen = (state: OrderState): boolean =>
  state.status === 'placed' || state.status === 'confirmed';

function confirm(state: PlacedOrder): OrderDecision {
  if (state.status === 'placed') return become({ type: 'OrderConfirmed', data: {} });
  return state.status === 'ended' ? holdExpired : become();
}

function pay({ paymentId, nowMs }: Of<'PayOrder'>, state: PlacedOrder): OrderDecision {
  if (state.status === 'paid') return become();
  const payable = state.status === 'confirmed' && Date.parse(state.expiresAt) > nowMs;
  return payable ? become({ type: 'OrderPaid', data: { paymentId } }) : holdExpired;
}

function cancel({ nowMs, refundUntilMs }: Of<'CancelOrder'>, state: PlacedOrder): OrderDecision {
  if (state.status === 'ended') {
    return state.reason === 'cancelled' || state.reason === 'refunded' ? become() : holdExpired;
  }
  if (state.status !== 'paid') return end('cancelled');
  return nowMs < refundUntilMs
    ? end('refunded')
    : refuse(
        'refund-too-late',
        'the session begins so soon that the service no longer refunds sold seats',
      );
}

function settle({ as }: Of<'SettleOrder'>, state: PlacedOrder): OrderDecision {
  return state.status === as && !state.settled
    ? become({ type: 'OrderSettled', data: {} })
    : become();
}

const end = (reason: OrderEndReason): OrderDecision =>
  become({ type: 'OrderEnded', data: { reason } });
