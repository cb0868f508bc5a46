import {
  at,
  balanceCharged,
  concertRegistered,
  concertRevised,
  currency,
  holdEndsAt,
  paymentCaptured,
  paymentHeld,
  paymentOf,
  paymentRefunded,
  paymentReleased,
  seatReleased,
  seatReserved,
  seatSold,
  sessionScheduled,
  type Written,
} from '../support/events.ts';
import { ProjectionSpec } from './support/projection-spec.ts';

const { given } = ProjectionSpec;
const hold = { reservationId: 's1.A-1-1.1', userId: 'u1' };
const payment = paymentOf(hold.reservationId, 300);

const on =
  (stream: string) =>
  (event: Written['event']): Written => ({ stream, event });
const onConcert = on('concert-c1');
const onSeat = on('seat-s1/A-1-1');
const onAccount = on('account-u1');

const scheduled = onConcert(
  sessionScheduled({
    sessionId: 's1',
    startsAt: '2026-06-01T19:00:00Z',
    sections: [
      { section: 'A', price: 300, rows: [{ row: '1', seats: [1, 2] }] },
      { section: 'B', price: 200, rows: [{ row: 'x', seats: [7] }] },
    ],
  }),
);
const reserved = onSeat(seatReserved(hold, { price: 300 }));
const charged = onAccount(balanceCharged('c', 1_000, 1_000));
const held = onAccount(paymentHeld(payment, 700));
const sold = onSeat(seatSold(hold));
const expired = onSeat(seatReleased(hold, 'expired'));
const givenBackForMoney = onSeat(seatReleased(hold, 'refunded', { ...payment, currency }));
const captured = onAccount(paymentCaptured(payment));
const refunded = onAccount(paymentRefunded(payment));
const givenBack = onAccount(paymentReleased(payment));

describe('the projections', () => {
  it('name a concert, and rename it', () => {
    given(
      onConcert(concertRegistered('One', 'Hall')),
      onConcert(concertRevised('T\u0000wo')),
    ).thenRows('concert', [{ title: 'Two', venue: null, version: '2' }]);
  });

  it('lay out a session: its times in one form, a row a seat in seat-map order', () => {
    given(scheduled)
      .thenRows('session', [
        {
          concert_id: 'c1',
          starts_at: '2026-06-01T19:00:00.000Z',
          seats_total: '3',
          seats_available: '3',
        },
      ])
      .thenRows('seat', [
        {
          ...{ ordinal: '0', seat_id: 'A-1-1', section: 'A' },
          ...{ row_name: '1', seat_number: '1', price: '300' },
        },
        {
          ...{ ordinal: '1', seat_id: 'A-1-2', section: 'A' },
          ...{ row_name: '1', seat_number: '2', price: '300' },
        },
        {
          ...{ ordinal: '2', seat_id: 'B-x-7', section: 'B' },
          ...{ row_name: 'x', seat_number: '7', price: '200' },
        },
      ]);
  });

  const story = { reserved, sold, expired, refunded: givenBackForMoney };
  for (const [name, events, seat, available, reservation] of [
    ['a hold', ['reserved'], 'held', '2', 'held'],
    ['a hold that ends', ['reserved', 'expired'], 'available', '3', 'released'],
    ['a sale', ['reserved', 'sold'], 'sold', '2', 'sold'],
    ['a refund', ['reserved', 'sold', 'refunded'], 'available', '3', 'released'],
  ] as const) {
    it(`follow a seat: ${name}`, () => {
      const whose = seat === 'available' ? null : hold.reservationId;
      const free = { status: 'available', reservation_id: null };
      given(scheduled, ...events.map((one) => story[one]))
        .thenRows('seat', [{ status: seat, reservation_id: whose }, free, free])
        .thenRows('session', [{ seats_available: available }])
        .thenRows('reservation', [
          { status: reservation, expires_at: holdEndsAt, seat_ids: 'A-1-1' },
        ]);
    });
  }

  for (const [name, events, balance, heldNow, status, refundDue] of [
    ['is held', [charged, held], '700', '300', 'held', null],
    ['is captured', [charged, held, captured], '700', '0', 'captured', null],
    ['is released', [charged, held, givenBack], '1000', '0', 'released', null],
    ['is owed', [charged, held, captured, givenBackForMoney], '700', '0', 'captured', at],
    [
      'is refunded',
      [charged, held, captured, givenBackForMoney, refunded],
      '1000',
      '0',
      'refunded',
      null,
    ],
  ] as const) {
    it(`follow money: a payment ${name}`, () => {
      given(...events)
        .thenRows('account', [{ balance, held: heldNow, currency }])
        .thenRows('payment', [{ status, amount: '300', refund_due_at: refundDue }]);
    });
  }

  it('take a free payment of a user who never charged', () => {
    const free = paymentHeld(paymentOf(hold.reservationId, 0), 0);
    given(on('account-u9')(free)).thenRows('account', [{ balance: '0', held: '0' }]);
  });

  it('refuse an event on a stream where it does not belong', () => {
    given(onAccount(reserved.event)).thenUnreadable('does not belong on this stream');
  });
});
