import { expect } from 'chai';
import { type SeatCommand, seatDecider } from '../../src/commands/seat/decider.ts';
import type { EventData } from '../../src/events/events.ts';
import { DeciderSpec } from '../support/decider-spec.ts';
import {
  atMs,
  currency,
  holdEndsAtMs,
  paymentOf,
  seatReleased,
  seatReserved,
  seatSold,
} from '../support/events.ts';

const { given } = new DeciderSpec(seatDecider);

const reserve = (userId: string, nowMs = atMs): Extract<SeatCommand, { type: 'ReserveSeat' }> => ({
  type: 'ReserveSeat',
  sessionId: 's1',
  seatId: 'A-1-1',
  userId,
  price: 100,
  currency,
  nowMs,
  expiresAtMs: nowMs + 300_000,
});
type Reason = EventData['SeatReleased']['reason'];
/** Who has the seat for the nth time. */
const of = (ordinal: number, userId: string) => ({
  reservationId: `s1.A-1-1.${ordinal}`,
  userId,
});
const ordered = (ordinal: number, userId: string) =>
  seatReserved(of(ordinal, userId), { orderId: 'o1' });
const refunded = (ordinal: number, userId: string) => {
  const { paymentId, amount } = paymentOf(`s1.A-1-1.${ordinal}`, 100);
  return seatReleased(of(ordinal, userId), 'refunded', { currency, paymentId, amount });
};
const sell = (ordinal: number, nowMs = atMs): SeatCommand => ({
  type: 'SellSeat',
  reservationId: `s1.A-1-1.${ordinal}`,
  paymentId: `pay.s1.A-1-1.${ordinal}`,
  nowMs,
});
const expire = (ordinal: number, nowMs: number): SeatCommand => ({
  type: 'ExpireHold',
  reservationId: `s1.A-1-1.${ordinal}`,
  nowMs,
});
const cancel = (ordinal: number, refundUntilMs = Number.POSITIVE_INFINITY): SeatCommand => ({
  type: 'CancelReservation',
  reservationId: `s1.A-1-1.${ordinal}`,
  nowMs: atMs,
  refundUntilMs,
});
const giveBack = (ordinal: number, reason: Reason): SeatCommand => ({
  type: 'GiveBack',
  reservationId: `s1.A-1-1.${ordinal}`,
  reason,
});

describe('a seat', () => {
  it('is held for who asks first', () => {
    const answer = given([])
      .when(reserve('u1'))
      .thenWrites([seatReserved(of(1, 'u1'))]);
    expect(answer).to.include({ status: 'held', reservationId: 's1.A-1-1.1', userId: 'u1' });
  });

  it('gives ids with the epoch of a restored log: none comes again that was given out and lost', () => {
    const epoch = '0b0c6f0e-2f0f-4f0b-9d0c-0a8f0c9f5a01';
    const second = { reservationId: 's1.A-1-1.2-0b0c6f0e', userId: 'u2' };
    const answer = given([seatReserved(of(1, 'u1')), seatReleased(of(1, 'u1'))])
      .when({ ...reserve('u2'), epoch })
      .thenWrites([seatReserved(second)]);
    expect(answer).to.include({ ordinal: 2, reservationId: 's1.A-1-1.2-0b0c6f0e' });
    given([seatReserved(second), seatReleased(second)])
      .when({ ...reserve('u3'), epoch })
      .thenWrites([seatReserved({ reservationId: 's1.A-1-1.3-0b0c6f0e', userId: 'u3' })]);
  });

  it('answers its holder with the hold there is', () => {
    const answer = given([seatReserved(of(1, 'u1'))])
      .when(reserve('u1'))
      .thenWrites([]);
    expect(answer).to.include({ reservationId: 's1.A-1-1.1' });
  });

  it('is refused to others while held', () => {
    given([seatReserved(of(1, 'u1'))])
      .when(reserve('u2'))
      .thenRefused('seat-taken');
  });

  it('is refused to others in the last millisecond of the hold', () => {
    const last = holdEndsAtMs - 1;
    given([seatReserved(of(1, 'u1'))])
      .when(reserve('u2', last))
      .thenRefused('seat-taken');
  });

  it('goes to the next one when the hold is over, in one append', () => {
    const at = holdEndsAtMs;
    const next = seatReserved(of(2, 'u2'), { expiresAt: '2027-01-01T12:10:00.000Z' });
    given([seatReserved(of(1, 'u1'))])
      .when(reserve('u2', at))
      .thenWrites([seatReleased(of(1, 'u1')), next]);
  });

  it('counts its holds on after a release', () => {
    given([seatReserved(of(1, 'u1')), seatReleased(of(1, 'u1'))])
      .when(reserve('u2'))
      .thenWrites([seatReserved(of(2, 'u2'))]);
  });

  it('is sold to its holder once', () => {
    given([seatReserved(of(1, 'u1'))])
      .when(sell(1))
      .thenWrites([seatSold(of(1, 'u1'))]);
    given([seatReserved(of(1, 'u1')), seatSold(of(1, 'u1'))])
      .when(sell(1))
      .thenWrites([]);
  });

  it('is refused to everybody once sold, its buyer too', () => {
    const history = [seatReserved(of(1, 'u1')), seatSold(of(1, 'u1'))];
    given(history).when(reserve('u2')).thenRefused('seat-taken');
    given(history).when(reserve('u1')).thenRefused('seat-taken');
  });

  it('is not sold when the hold is over, by time or by release', () => {
    given([seatReserved(of(1, 'u1'))])
      .when(sell(1, holdEndsAtMs))
      .thenRefused('hold-expired');
    given([seatReserved(of(1, 'u1')), seatReleased(of(1, 'u1'))])
      .when(sell(1))
      .thenRefused('hold-expired');
  });

  it('is not sold to a hold before the present one', () => {
    given([seatReserved(of(1, 'u1')), seatReleased(of(1, 'u1')), seatReserved(of(2, 'u2'))])
      .when(sell(1))
      .thenRefused('hold-expired');
  });

  it('expires on time, not before, and never when sold', () => {
    const at = holdEndsAtMs;
    given([seatReserved(of(1, 'u1'))])
      .when(expire(1, at))
      .thenWrites([seatReleased(of(1, 'u1'))]);
    given([seatReserved(of(1, 'u1'))])
      .when(expire(1, at - 1))
      .thenWrites([]);
    given([seatReserved(of(1, 'u1')), seatSold(of(1, 'u1'))])
      .when(expire(1, at))
      .thenWrites([]);
    given([seatReserved(of(1, 'u1')), seatReleased(of(1, 'u1')), seatReserved(of(2, 'u2'))])
      .when(expire(1, at))
      .thenWrites([]);
  });

  it('is given back by its holder, once', () => {
    given([seatReserved(of(1, 'u1'))])
      .when(cancel(1))
      .thenWrites([seatReleased(of(1, 'u1'), 'cancelled')]);
    given([seatReserved(of(1, 'u1')), seatReleased(of(1, 'u1'), 'cancelled')])
      .when(cancel(1))
      .thenWrites([]);
    given([seatReserved(of(1, 'u1')), seatReleased(of(1, 'u1'))])
      .when(cancel(1))
      .thenRefused('hold-expired');
  });

  it('is given back for its money when sold, until the cut-off', () => {
    const history = [seatReserved(of(1, 'u1')), seatSold(of(1, 'u1'))];
    given(history)
      .when(cancel(1, atMs + 1))
      .thenWrites([refunded(1, 'u1')]);
    given(history).when(cancel(1, atMs)).thenRefused('refund-too-late');
    given([...history, refunded(1, 'u1')])
      .when(cancel(1, atMs))
      .thenWrites([]);
  });

  it('is not given back by who had it before', () => {
    const history = [
      seatReserved(of(1, 'u1')),
      seatReleased(of(1, 'u1'), 'cancelled'),
      seatReserved(of(2, 'u2')),
    ];
    given(history).when(cancel(1)).thenRefused('hold-expired');
    given([...history, seatSold(of(2, 'u2'))])
      .when(cancel(1))
      .thenRefused('hold-expired');
  });

  it('can be sold to the next one after a refund, not to its first payment again', () => {
    const history = [seatReserved(of(1, 'u1')), seatSold(of(1, 'u1')), refunded(1, 'u1')];
    given(history).when(sell(1)).thenRefused('hold-expired');
    given([...history, seatReserved(of(2, 'u2'))])
      .when(sell(2))
      .thenWrites([seatSold(of(2, 'u2'))]);
  });
});

describe('a seat of an order', () => {
  const over = holdEndsAtMs;

  it('does not end by its own clock, and does not give way by itself', () => {
    given([ordered(1, 'u1')])
      .when(expire(1, over))
      .thenWrites([]);
    given([ordered(1, 'u1')])
      .when(reserve('u2', over))
      .thenRefused('seat-taken');
  });

  it('is sold when its order was paid, however late it is', () => {
    given([ordered(1, 'u1')])
      .when(sell(1, over + 60_000))
      .thenWrites([seatSold(of(1, 'u1'))]);
  });

  it('is held for its order, not for another of the same buyer', () => {
    given([ordered(1, 'u1')])
      .when({ ...reserve('u1'), orderId: 'o1' })
      .thenWrites([]);
    given([ordered(1, 'u1')])
      .when({ ...reserve('u1'), orderId: 'o2' })
      .thenRefused('seat-taken');
    given([ordered(1, 'u1')])
      .when(reserve('u1'))
      .thenRefused('seat-taken');
  });

  it('follows its order’s end, once, and no other’s', () => {
    given([ordered(1, 'u1')])
      .when(giveBack(1, 'not-all'))
      .thenWrites([seatReleased(of(1, 'u1'), 'not-all')]);
    given([ordered(1, 'u1'), seatReleased(of(1, 'u1'), 'not-all')])
      .when(giveBack(1, 'not-all'))
      .thenWrites([]);
    given([ordered(1, 'u1'), seatReleased(of(1, 'u1'), 'not-all'), seatReserved(of(2, 'u2'))])
      .when(giveBack(1, 'not-all'))
      .thenWrites([]);
  });

  it('is refunded when it was sold; one that was not sold yet is cancelled', () => {
    given([ordered(1, 'u1'), seatSold(of(1, 'u1'))])
      .when(giveBack(1, 'refunded'))
      .thenWrites([refunded(1, 'u1')]);
    given([ordered(1, 'u1')])
      .when(giveBack(1, 'refunded'))
      .thenWrites([seatReleased(of(1, 'u1'), 'cancelled')]);
  });
});
