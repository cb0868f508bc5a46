import { expect } from 'chai';
import { type OrderCommand, orderDecider } from '../../src/commands/order/decider.ts';
import type { EventData } from '../../src/events/events.ts';
import { DeciderSpec } from '../support/decider-spec.ts';
import {
  currency,
  holdEndsAt,
  holdEndsAtMs,
  orderConfirmed,
  orderEnded,
  orderPaid,
  orderPlaced,
  orderSettled,
} from '../support/events.ts';

const { given } = new DeciderSpec(orderDecider);
const over = holdEndsAtMs;
const inTime = over - 1;
const paymentId = 'pay.order.o1';

const order: EventData['OrderPlaced'] = {
  reservationId: 'order.o1',
  sessionId: 's1',
  userId: 'u1',
  seats: [
    { seatId: 'A-1-1', price: 100 },
    { seatId: 'A-1-2', price: 100 },
  ],
  price: 200,
  currency,
  expiresAt: holdEndsAt,
};
const placed = orderPlaced(order);
const confirmed = orderConfirmed();
const paid = orderPaid(paymentId);
const settled = orderSettled();

const pay = (nowMs = inTime): OrderCommand => ({ type: 'PayOrder', paymentId, nowMs });
const expire = (nowMs = over): OrderCommand => ({ type: 'ExpireOrder', nowMs });
const cancel = (refundUntilMs = Number.POSITIVE_INFINITY): OrderCommand => ({
  type: 'CancelOrder',
  nowMs: inTime,
  refundUntilMs,
});
const confirm: OrderCommand = { type: 'ConfirmOrder' };
const abandon: OrderCommand = { type: 'AbandonOrder' };
const settle = (as: 'paid' | 'ended'): OrderCommand => ({ type: 'SettleOrder', as });

describe('an order', () => {
  it('is placed once', () => {
    given([]).when({ type: 'PlaceOrder', order }).thenWrites([placed]);
    const again = given([placed, confirmed]).when({ type: 'PlaceOrder', order }).thenWrites([]);
    expect(again.status).to.equal('confirmed');
  });

  it('is nothing before it was placed', () => {
    for (const command of [confirm, pay(), expire(), abandon, cancel(), settle('paid')]) {
      given([]).when(command).thenRefused('reservation-not-found');
    }
  });

  it('can be paid once every seat is held, and not before', () => {
    given([placed]).when(pay()).thenRefused('hold-expired');
    given([placed]).when(confirm).thenWrites([confirmed]);
    given([placed, confirmed]).when(pay()).thenWrites([paid]);
  });

  it('is paid until the hold ends, to the millisecond', () => {
    given([placed, confirmed]).when(pay(inTime)).thenWrites([paid]);
    given([placed, confirmed]).when(pay(over)).thenRefused('hold-expired');
  });

  it('answers done to who does again what was done', () => {
    given([placed, confirmed]).when(confirm).thenWrites([]);
    given([placed, confirmed, paid]).when(pay(over)).thenWrites([]);
    given([placed, orderEnded('not-all')])
      .when(abandon)
      .thenWrites([]);
    given([placed, confirmed, orderEnded('cancelled')])
      .when(cancel())
      .thenWrites([]);
    given([placed, confirmed, paid, orderEnded('refunded')])
      .when(cancel())
      .thenWrites([]);
    given([placed, confirmed, paid, settled]).when(settle('paid')).thenWrites([]);
  });

  it('ends by its time when nobody paid, and only then', () => {
    given([placed, confirmed]).when(expire(inTime)).thenWrites([]);
    given([placed, confirmed])
      .when(expire())
      .thenWrites([orderEnded('expired')]);
    given([placed])
      .when(expire())
      .thenWrites([orderEnded('expired')]);
    given([placed, confirmed, paid]).when(expire()).thenWrites([]);
  });

  it('is not paid, nor confirmed, after it ended', () => {
    for (const reason of ['expired', 'cancelled', 'not-all'] as const) {
      given([placed, confirmed, orderEnded(reason)])
        .when(pay())
        .thenRefused('hold-expired');
      given([placed, orderEnded(reason)])
        .when(confirm)
        .thenRefused('hold-expired');
    }
  });

  it('is given up while it is not confirmed; a confirmed one is its buyer’s', () => {
    given([placed])
      .when(abandon)
      .thenWrites([orderEnded('not-all')]);
    given([placed, confirmed]).when(abandon).thenWrites([]);
  });

  it('is cancelled while held, refunded when paid', () => {
    given([placed, confirmed])
      .when(cancel())
      .thenWrites([orderEnded('cancelled')]);
    given([placed])
      .when(cancel())
      .thenWrites([orderEnded('cancelled')]);
    const refunded = given([placed, confirmed, paid]).when(cancel());
    expect(refunded.thenWrites([orderEnded('refunded')])).to.include({ paymentId, settled: false });
  });

  it('is refunded before the cut-off only; a held one is given back at any time', () => {
    given([placed, confirmed, paid]).when(cancel(inTime)).thenRefused('refund-too-late');
    given([placed, confirmed])
      .when(cancel(inTime))
      .thenWrites([orderEnded('cancelled')]);
  });

  it('that expired was not cancelled', () => {
    given([placed, confirmed, orderEnded('expired')])
      .when(cancel())
      .thenRefused('hold-expired');
  });

  it('is settled once for each of its ends', () => {
    given([placed, confirmed]).when(settle('paid')).thenWrites([]);
    given([placed, confirmed, paid]).when(settle('paid')).thenWrites([settled]);
    given([placed, confirmed, paid, settled, orderEnded('refunded')])
      .when(settle('ended'))
      .thenWrites([settled]);
  });

  it('is not settled by who carried out what is no longer so', () => {
    given([placed, confirmed, paid, orderEnded('refunded')])
      .when(settle('paid'))
      .thenWrites([]);
  });
});
