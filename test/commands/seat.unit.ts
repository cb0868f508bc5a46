import { expect } from 'chai';
import { type SeatCommand, seatDecider } from '../../src/commands/seat/decider.ts';
import type { EventData, EventOf, SeatEvent } from '../../src/events/events.ts';
import { specify } from '../support/given-when-then.ts';

const given = specify(seatDecider);
const now = Date.parse('2027-01-01T12:00:00.000Z');
const later = '2027-01-01T12:05:00.000Z';

const reserve = (userId: string, nowMs = now): Extract<SeatCommand, { type: 'ReserveSeat' }> => ({
  type: 'ReserveSeat',
  sessionId: 's1',
  seatId: 'A-1-1',
  userId,
  price: 100,
  currency: 'KRW',
  nowMs,
  expiresAtMs: nowMs + 300_000,
});
const reserved = (ordinal: number, userId: string, expiresAt = later): SeatEvent => ({
  type: 'SeatReserved',
  data: { reservationId: `s1.A-1-1.${ordinal}`, userId, price: 100, currency: 'KRW', expiresAt },
});
type Reason = EventData['SeatReleased']['reason'];
const released = (ordinal: number, userId: string, reason: Reason = 'expired'): SeatEvent => ({
  type: 'SeatReleased',
  data: { reservationId: `s1.A-1-1.${ordinal}`, userId, reason, currency: 'KRW' },
});
const refunded = (ordinal: number, userId: string): SeatEvent => ({
  type: 'SeatReleased',
  data: {
    reservationId: `s1.A-1-1.${ordinal}`,
    userId,
    reason: 'refunded',
    currency: 'KRW',
    paymentId: `pay.s1.A-1-1.${ordinal}`,
    amount: 100,
  },
});
const ordered = (ordinal: number, userId: string): SeatEvent => {
  const { data } = reserved(ordinal, userId) as EventOf<'SeatReserved'>;
  return { type: 'SeatReserved', data: { ...data, orderId: 'o1' } };
};
const sell = (ordinal: number, nowMs = now): SeatCommand => ({
  type: 'SellSeat',
  reservationId: `s1.A-1-1.${ordinal}`,
  paymentId: `pay.s1.A-1-1.${ordinal}`,
  nowMs,
});
const sold = (ordinal: number, userId: string): SeatEvent => ({
  type: 'SeatSold',
  data: { reservationId: `s1.A-1-1.${ordinal}`, paymentId: `pay.s1.A-1-1.${ordinal}`, userId },
});
const expire = (ordinal: number, nowMs: number): SeatCommand => ({
  type: 'ExpireHold',
  reservationId: `s1.A-1-1.${ordinal}`,
  nowMs,
});
const cancel = (ordinal: number, refundUntilMs = Number.POSITIVE_INFINITY): SeatCommand => ({
  type: 'CancelReservation',
  reservationId: `s1.A-1-1.${ordinal}`,
  nowMs: now,
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
      .thenWrites([reserved(1, 'u1')]);
    expect(answer).to.include({ status: 'held', reservationId: 's1.A-1-1.1', userId: 'u1' });
  });

  it('gives ids with the epoch of a restored log: none comes again that was given out and lost', () => {
    const epoch = '0b0c6f0e-2f0f-4f0b-9d0c-0a8f0c9f5a01';
    const { data } = reserved(2, 'u2') as EventOf<'SeatReserved'>;
    const inEpoch = { ...data, reservationId: 's1.A-1-1.2-0b0c6f0e' };
    const answer = given([reserved(1, 'u1'), released(1, 'u1')])
      .when({ ...reserve('u2'), epoch })
      .thenWrites([{ type: 'SeatReserved', data: inEpoch }]);
    expect(answer).to.include({ ordinal: 2, reservationId: 's1.A-1-1.2-0b0c6f0e' });
    const third = { ...data, reservationId: 's1.A-1-1.3-0b0c6f0e', userId: 'u3' };
    const ended = { ...released(2, 'u2'), data: { ...released(2, 'u2').data } } as SeatEvent;
    given([
      { type: 'SeatReserved', data: inEpoch },
      { ...ended, data: { ...ended.data, reservationId: inEpoch.reservationId } } as SeatEvent,
    ])
      .when({ ...reserve('u3'), epoch })
      .thenWrites([{ type: 'SeatReserved', data: third }]);
  });

  it('answers its holder with the hold there is', () => {
    const answer = given([reserved(1, 'u1')])
      .when(reserve('u1'))
      .thenWrites([]);
    expect(answer).to.include({ reservationId: 's1.A-1-1.1' });
  });

  it('is refused to others while held', () => {
    given([reserved(1, 'u1')])
      .when(reserve('u2'))
      .thenRefused('seat-taken');
  });

  it('is refused to others in the last millisecond of the hold', () => {
    const last = Date.parse(later) - 1;
    given([reserved(1, 'u1')])
      .when(reserve('u2', last))
      .thenRefused('seat-taken');
  });

  it('goes to the next one when the hold is over, in one append', () => {
    const at = Date.parse(later);
    const next = reserved(2, 'u2', '2027-01-01T12:10:00.000Z');
    given([reserved(1, 'u1')])
      .when(reserve('u2', at))
      .thenWrites([released(1, 'u1'), next]);
  });

  it('counts its holds on after a release', () => {
    given([reserved(1, 'u1'), released(1, 'u1')])
      .when(reserve('u2'))
      .thenWrites([reserved(2, 'u2')]);
  });

  it('is sold to its holder once', () => {
    given([reserved(1, 'u1')])
      .when(sell(1))
      .thenWrites([sold(1, 'u1')]);
    given([reserved(1, 'u1'), sold(1, 'u1')])
      .when(sell(1))
      .thenWrites([]);
  });

  it('is refused to everybody once sold, its buyer too', () => {
    const history = [reserved(1, 'u1'), sold(1, 'u1')];
    given(history).when(reserve('u2')).thenRefused('seat-taken');
    given(history).when(reserve('u1')).thenRefused('seat-taken');
  });

  it('is not sold when the hold is over, by time or by release', () => {
    given([reserved(1, 'u1')])
      .when(sell(1, Date.parse(later)))
      .thenRefused('hold-expired');
    given([reserved(1, 'u1'), released(1, 'u1')])
      .when(sell(1))
      .thenRefused('hold-expired');
  });

  it('is not sold to a hold before the present one', () => {
    given([reserved(1, 'u1'), released(1, 'u1'), reserved(2, 'u2')])
      .when(sell(1))
      .thenRefused('hold-expired');
  });

  it('expires on time, not before, and never when sold', () => {
    const at = Date.parse(later);
    given([reserved(1, 'u1')])
      .when(expire(1, at))
      .thenWrites([released(1, 'u1')]);
    given([reserved(1, 'u1')])
      .when(expire(1, at - 1))
      .thenWrites([]);
    given([reserved(1, 'u1'), sold(1, 'u1')])
      .when(expire(1, at))
      .thenWrites([]);
    given([reserved(1, 'u1'), released(1, 'u1'), reserved(2, 'u2')])
      .when(expire(1, at))
      .thenWrites([]);
  });

  it('is given back by its holder, once', () => {
    given([reserved(1, 'u1')])
      .when(cancel(1))
      .thenWrites([released(1, 'u1', 'cancelled')]);
    given([reserved(1, 'u1'), released(1, 'u1', 'cancelled')])
      .when(cancel(1))
      .thenWrites([]);
    given([reserved(1, 'u1'), released(1, 'u1')])
      .when(cancel(1))
      .thenRefused('hold-expired');
  });

  it('is given back for its money when sold, until the cut-off', () => {
    const history = [reserved(1, 'u1'), sold(1, 'u1')];
    given(history)
      .when(cancel(1, now + 1))
      .thenWrites([refunded(1, 'u1')]);
    given(history).when(cancel(1, now)).thenRefused('refund-too-late');
    given([...history, refunded(1, 'u1')])
      .when(cancel(1, now))
      .thenWrites([]);
  });

  it('is not given back by who had it before', () => {
    const history = [reserved(1, 'u1'), released(1, 'u1', 'cancelled'), reserved(2, 'u2')];
    given(history).when(cancel(1)).thenRefused('hold-expired');
    given([...history, sold(2, 'u2')])
      .when(cancel(1))
      .thenRefused('hold-expired');
  });

  it('can be sold to the next one after a refund, not to its first payment again', () => {
    const history = [reserved(1, 'u1'), sold(1, 'u1'), refunded(1, 'u1')];
    given(history).when(sell(1)).thenRefused('hold-expired');
    given([...history, reserved(2, 'u2')])
      .when(sell(2))
      .thenWrites([sold(2, 'u2')]);
  });
});

describe('a seat of an order', () => {
  const over = Date.parse(later);

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
      .thenWrites([sold(1, 'u1')]);
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
      .thenWrites([released(1, 'u1', 'not-all')]);
    given([ordered(1, 'u1'), released(1, 'u1', 'not-all')])
      .when(giveBack(1, 'not-all'))
      .thenWrites([]);
    given([ordered(1, 'u1'), released(1, 'u1', 'not-all'), reserved(2, 'u2')])
      .when(giveBack(1, 'not-all'))
      .thenWrites([]);
  });

  it('is refunded when it was sold; one that was not sold yet is cancelled', () => {
    given([ordered(1, 'u1'), sold(1, 'u1')])
      .when(giveBack(1, 'refunded'))
      .thenWrites([refunded(1, 'u1')]);
    given([ordered(1, 'u1')])
      .when(giveBack(1, 'refunded'))
      .thenWrites([released(1, 'u1', 'cancelled')]);
  });
});
