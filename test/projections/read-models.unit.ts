import { expect } from 'chai';
import { type RecordedEvent, UnreadableEvent } from '../../src/events/codec.ts';
import type { DomainEvent } from '../../src/events/events.ts';
import type { Row } from '../../src/projections/models/row-change.ts';
import { rowsFromScratch } from './support/read-models.ts';

const at = '2026-01-01T00:00:00.000Z';
const soon = '2026-01-01T00:05:00.000Z';
const currency = 'KRW';
const hold = { reservationId: 's1.A-1-1.1', userId: 'u1' };
const payment = { paymentId: 'pay.s1.A-1-1.1', reservationId: hold.reservationId, amount: 300 };

const scheduled: [string, DomainEvent] = [
  'concert-c1',
  {
    type: 'SessionScheduled',
    data: {
      sessionId: 's1',
      startsAt: '2026-06-01T19:00:00Z',
      salesOpenAt: at,
      currency,
      sections: [
        { section: 'A', price: 300, rows: [{ row: '1', seats: [1, 2] }] },
        { section: 'B', price: 200, rows: [{ row: 'x', seats: [7] }] },
      ],
    },
  },
];
const reserved: [string, DomainEvent] = [
  'seat-s1/A-1-1',
  { type: 'SeatReserved', data: { ...hold, price: 300, currency, expiresAt: soon } },
];
const charged: [string, DomainEvent] = [
  'account-u1',
  { type: 'BalanceCharged', data: { chargeId: 'c', amount: 1_000, currency, balance: 1_000, at } },
];
const held: [string, DomainEvent] = [
  'account-u1',
  {
    type: 'PaymentHeld',
    data: { ...payment, currency, balance: 700, holdExpiresAt: soon, at },
  },
];
const sold: [string, DomainEvent] = [
  'seat-s1/A-1-1',
  { type: 'SeatSold', data: { ...hold, paymentId: payment.paymentId } },
];
const released = (reason: 'expired' | 'refunded'): [string, DomainEvent] => [
  'seat-s1/A-1-1',
  {
    type: 'SeatReleased',
    data: { ...hold, reason, ...(reason === 'refunded' ? payment : {}), currency },
  },
];
const captured: [string, DomainEvent] = ['account-u1', { type: 'PaymentCaptured', data: payment }];
const refunded: [string, DomainEvent] = ['account-u1', { type: 'PaymentRefunded', data: payment }];
const givenBack: [string, DomainEvent] = [
  'account-u1',
  { type: 'PaymentReleased', data: { ...payment, reason: 'hold-expired' } },
];

const record = (events: readonly [string, DomainEvent][]): RecordedEvent[] =>
  events.map(([stream, event], index) => ({
    ...event,
    id: String(index),
    stream,
    revision: 0n,
    position: BigInt(index + 1),
    createdMs: Date.parse(at),
    metadata: { schemaVersion: 1 },
  }));

/** Some columns of a table's rows after the events. */
function rows(
  table: string,
  columns: readonly string[],
  ...events: [string, DomainEvent][]
): Row[] {
  return (rowsFromScratch(record(events))[table] ?? []).map((row) =>
    Object.fromEntries(columns.map((column) => [column, row[column] ?? null])),
  );
}

describe('the projections', () => {
  it('name a concert, and rename it', () => {
    const first: DomainEvent = { type: 'ConcertRegistered', data: { title: 'One', venue: 'Hall' } };
    const then: DomainEvent = { type: 'ConcertRevised', data: { title: 'T\u0000wo' } };
    expect(
      rows('concert', ['title', 'venue', 'version'], ['concert-c1', first], ['concert-c1', then]),
    ).to.deep.equal([{ title: 'Two', venue: null, version: '2' }]);
  });

  it('lay out a session: its times in one form, a row a seat in seat-map order', () => {
    expect(
      rows('session', ['concert_id', 'starts_at', 'seats_total', 'seats_available'], scheduled),
    ).to.deep.equal([
      {
        concert_id: 'c1',
        starts_at: '2026-06-01T19:00:00.000Z',
        seats_total: '3',
        seats_available: '3',
      },
    ]);
    expect(
      rows(
        'seat',
        ['ordinal', 'seat_id', 'section', 'row_name', 'seat_number', 'price'],
        scheduled,
      ).map((row) => Object.values(row).join(' ')),
    ).to.deep.equal(['0 A-1-1 A 1 1 300', '1 A-1-2 A 1 2 300', '2 B-x-7 B x 7 200']);
  });

  const story = { reserved, sold, expired: released('expired'), refunded: released('refunded') };
  for (const [name, events, seat, available, reservation] of [
    ['a hold', ['reserved'], 'held', '2', 'held'],
    ['a hold that ends', ['reserved', 'expired'], 'available', '3', 'released'],
    ['a sale', ['reserved', 'sold'], 'sold', '2', 'sold'],
    ['a refund', ['reserved', 'sold', 'refunded'], 'available', '3', 'released'],
  ] as const) {
    it(`follow a seat: ${name}`, () => {
      const given = [scheduled, ...events.map((one) => story[one])];
      const whose = seat === 'available' ? null : hold.reservationId;
      expect(rows('seat', ['status', 'reservation_id'], ...given)[0]).to.deep.equal({
        status: seat,
        reservation_id: whose,
      });
      expect(rows('session', ['seats_available'], ...given)).to.deep.equal([
        { seats_available: available },
      ]);
      expect(rows('reservation', ['status', 'expires_at', 'seat_ids'], ...given)).to.deep.equal([
        { status: reservation, expires_at: soon, seat_ids: 'A-1-1' },
      ]);
    });
  }

  for (const [name, events, balance, heldNow, status, refundDue] of [
    ['is held', [charged, held], '700', '300', 'held', null],
    ['is captured', [charged, held, captured], '700', '0', 'captured', null],
    ['is released', [charged, held, givenBack], '1000', '0', 'released', null],
    ['is owed', [charged, held, captured, released('refunded')], '700', '0', 'captured', at],
    [
      'is refunded',
      [charged, held, captured, released('refunded'), refunded],
      '1000',
      '0',
      'refunded',
      null,
    ],
  ] as const) {
    it(`follow money: a payment ${name}`, () => {
      expect(rows('account', ['balance', 'held', 'currency'], ...events)).to.deep.equal([
        { balance, held: heldNow, currency },
      ]);
      expect(rows('payment', ['status', 'amount', 'refund_due_at'], ...events)).to.deep.equal([
        { status, amount: '300', refund_due_at: refundDue },
      ]);
    });
  }

  it('take a free payment of a user who never charged', () => {
    const free: DomainEvent = {
      type: 'PaymentHeld',
      data: { ...payment, amount: 0, currency, balance: 0, holdExpiresAt: soon, at },
    };
    expect(rows('account', ['balance', 'held'], ['account-u9', free])).to.deep.equal([
      { balance: '0', held: '0' },
    ]);
  });

  it('refuse an event on a stream where it does not belong', () => {
    expect(() => rows('seat', [], ['account-u1', reserved[1]])).to.throw(
      UnreadableEvent,
      'does not belong on this stream',
    );
  });
});
