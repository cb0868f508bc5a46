import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { expect } from 'chai';
import { describeVerdict } from '../../src/verify/describe.ts';
import { verify } from '../../src/verify/verify.ts';
import { eventually } from '../support/eventually.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { World } from './support/world.ts';

/** Histories as they may be: nothing is found. */
const honest: Record<string, (world: World) => Promise<void>> = {
  'a seat that was reserved, paid and captured': (world) => world.buy(),
  'an account whose limit was taken away again': async (world) => {
    await world.limitAccount(1);
    await world.limitAccount(undefined);
  },
  'streams that another program has begun, with names like ours': async (world) => {
    for (const stream of ['order-', 'seat-', 'account-', 'concert-']) {
      const { session } = world;
      await world.write(`${stream}invoice/${session}`, 'InvoiceSent', { amount: 1 }, null);
      await world.write(`${stream}invoice/${session}`, 'OrderPlaced', {}, null);
      await world.write(`${stream}other ${session}`, 'InvoiceSent', { amount: 1 }, 3);
    }
  },
  'a young hold': (world) => world.seat('SeatReserved'),
  'a hold that ended and was given back, and another buyer after it': async (world) => {
    await world.seat('SeatReserved', { expiresAt: '2024-01-01T00:00:00.000Z' });
    await world.seat('SeatReleased');
    const reservationId = world.reservation('A-1-1', 2);
    await world.seat('SeatReserved', { reservationId, userId: world.other });
  },
  'a payment that came too late and was given back': async (world) => {
    await world.seat('SeatReserved', { expiresAt: '2024-01-01T00:00:00.000Z' });
    await world.payment('PaymentHeld');
    await world.seat('SeatReleased');
    await world.payment('PaymentReleased');
  },
  'a sale whose payment is about to be captured': async (world) => {
    await world.seat('SeatReserved');
    await world.payment('PaymentHeld');
    await world.seat('SeatSold');
  },
  'a sale that was refunded': async (world) => {
    await world.buy();
    await world.seat('SeatReleased', { reason: 'refunded' });
    await world.payment('PaymentRefunded');
  },
  'a title that no list can show, and that was revised since': async (world) => {
    await world.write(`concert-r${world.session}`, 'ConcertRegistered', { title: 'One \ud83d' });
    await world.write(`concert-r${world.session}`, 'ConcertRevised', { title: 'One 🎶' });
  },
  'events that were skipped, one of them in the middle of a sale': async (world) => {
    await world.seat('SeatReserved');
    await world.seat('SeatGivenAway');
    await world.payment('PaymentHeld');
    await world.skip(`seat-${world.session}/A-1-1`, 1n);
    await world.seat('SeatSold');
    await world.payment('PaymentCaptured');
    await world.write(`account-later ${world.session}`, 'BalanceCharged', {});
    await world.skip(`account-later ${world.session}`, 0n);
  },
  'an order that was bought': (world) => world.buyOrder(),
  'an order that could not have all its seats': async (world) => {
    await world.seat('SeatReserved', { userId: world.other }, 'A-1-2');
    await world.order('OrderPlaced');
    await world.orderSeat('SeatReserved', 'A-1-1');
    await world.order('OrderEnded', { reason: 'not-all' });
    await world.orderSeat('SeatReleased', 'A-1-1', { reason: 'not-all' });
    await world.order('OrderSettled');
  },
  'an order that was refunded': async (world) => {
    await world.buyOrder();
    await world.order('OrderEnded', { reason: 'refunded' });
    for (const seat of ['A-1-1', 'A-1-2']) {
      await world.orderSeat('SeatReleased', seat, { reason: 'refunded' });
    }
    await world.orderPayment('PaymentRefunded');
    await world.order('OrderSettled');
  },
  'a refund that came before the capture': async (world) => {
    await world.seat('SeatReserved');
    await world.payment('PaymentHeld');
    await world.seat('SeatSold');
    await world.seat('SeatReleased', { reason: 'refunded' });
    await world.payment('PaymentCaptured');
    await world.payment('PaymentRefunded');
  },
  'an order that was refunded before its seats were sold': async (world) => {
    await world.reserveOrder();
    await world.orderPayment('PaymentHeld', { balance: 800 });
    await world.order('OrderPaid');
    await world.orderSeat('SeatSold', 'A-1-1');
    await world.order('OrderEnded', { reason: 'refunded' });
    await world.orderSeat('SeatReleased', 'A-1-1', { reason: 'refunded' });
    await world.orderSeat('SeatReleased', 'A-1-2', { reason: 'cancelled' });
    await world.orderPayment('PaymentCaptured');
    await world.orderPayment('PaymentRefunded');
    await world.order('OrderSettled');
  },
  'a seat that was taken late for an order that had ended': async (world) => {
    await world.order('OrderPlaced');
    await world.order('OrderEnded', { reason: 'not-all' });
    await world.orderSeat('SeatReserved', 'A-1-1');
    await world.order('OrderSettled');
    await world.orderSeat('SeatReleased', 'A-1-1', { reason: 'not-all' });
  },
  'money let go after its seat was sold and taken back': async (world) => {
    await world.seat('SeatReserved');
    await world.payment('PaymentHeld');
    await world.seat('SeatSold');
    await world.seat('SeatReleased', { reason: 'refunded' });
    await world.payment('PaymentReleased');
  },
  'a cancelled session whose buyers have their money back': async (world) => {
    await world.buy();
    await world.cancelSession();
    await world.seat('SeatReleased', { reason: 'refunded' });
    await world.payment('PaymentRefunded');
  },
  'what a request was answered': (world) =>
    world.write(`request-${world.session}`, 'RequestStarted', { fingerprint: 'f' }),
  'a summary of an account': async (world) => {
    await world.buy();
    await world.summary({ balance: 900 });
    await world.seat('SeatReserved', {}, 'A-1-2');
    await world.payment('PaymentHeld', { balance: 800 }, 'A-1-2');
    const reservationId = world.reservation('A-1-2');
    const paymentId = `pay.${reservationId}`;
    const payments = [{ paymentId, reservationId, status: 'held', amount: 100 }];
    await world.summary({ balance: 800, held: 100, payments });
  },
  'an account told by indexes': async (world) => {
    await world.buy();
    const paid = `pay.${world.reservation()}`;
    // The first charge and the payment, at revisions 0 to 2; then the refund, at 5.
    await world.index({ to: 2 }, [
      ['first', 0],
      [paid, 1],
    ]);
    await world.totals({ balance: 900, captured: 100, indexes: [3] });
    await world.seat('SeatReleased', { reason: 'refunded' });
    await world.payment('PaymentRefunded');
    await world.index({ from: 3, to: 5 }, [], [[paid, 5]]);
    await world.totals({ indexes: [3, 6] });
    // One index in place of both.
    await world.index(
      { to: 7 },
      [
        ['first', 0],
        [paid, 1],
      ],
      [[paid, 5]],
    );
    await world.totals({ indexes: [8] });
  },
};

/** A payment that came and went, at revisions 1 to 3 of the buyer's account. */
async function refundedOf(world: World): Promise<string> {
  await world.buy();
  await world.seat('SeatReleased', { reason: 'refunded' });
  await world.payment('PaymentRefunded');
  return `pay.${world.reservation()}`;
}

/** Corruptions, and exactly what must be found. */
const corrupt: Record<string, [codes: string[], plant: (world: World) => Promise<void>]> = {
  'a seat reserved while it is held': [
    ['double-reservation'],
    async (world) => {
      await world.seat('SeatReserved');
      const reservationId = world.reservation('A-1-1', 2);
      await world.seat('SeatReserved', { reservationId, userId: world.other });
    },
  ],
  'a sold seat whose stream was deleted, so that it looks free': [
    ['stream-cut'],
    async (world) => {
      await world.buy();
      await world.deleteSeat();
    },
  ],
  'an account that shows its last event only': [
    ['stream-cut'],
    async (world) => {
      await world.limitAccount(1);
      await world.limitAccount(1);
    },
  ],
  'a double sale': [
    ['double-sale'],
    async (world) => {
      await world.buy();
      await world.seat('SeatSold', { paymentId: 'pay.another', userId: world.other });
    },
  ],
  'a sale to somebody who did not hold the seat': [
    ['sale-without-reservation'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld');
      await world.seat('SeatSold', { userId: world.other });
    },
  ],
  'a sale that nobody paid': [
    ['unpaid-sale'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.seat('SeatSold');
    },
  ],
  'a sale by a payment that was given back before': [
    ['unpaid-sale'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld');
      await world.payment('PaymentReleased');
      await world.seat('SeatSold');
    },
  ],
  'a price that is not the seat’s': [
    ['wrong-price'],
    (world) => world.seat('SeatReserved', { price: 1 }),
  ],
  'a seat that the hall does not have': [
    ['wrong-price'],
    (world) => world.seat('SeatReserved', {}, 'A-1-9'),
  ],
  'a reservation that names another seat': [
    ['wrong-reservation-id'],
    (world) => world.seat('SeatReserved', { reservationId: world.reservation('A-1-2') }),
  ],
  'a lost release': [
    ['lost-release'],
    (world) => world.seat('SeatReserved', { expiresAt: '2024-01-01T00:00:00.000Z' }),
  ],
  'a release of a sold seat': [
    ['wrong-release'],
    async (world) => {
      await world.buy();
      await world.seat('SeatReleased');
    },
  ],
  'a release of what nobody held': [['wrong-release'], (world) => world.seat('SeatReleased')],
  'an orphan charge': [['orphan-charge'], (world) => world.payment('PaymentHeld')],
  'money held for another amount': [
    ['wrong-payment'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld', { amount: 90, balance: 910 });
    },
  ],
  'money held from another user': [
    ['wrong-payment'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld', {}, 'A-1-1', world.other);
    },
  ],
  'a reservation paid twice': [
    ['paid-twice'],
    async (world) => {
      await world.buy();
      await world.payment('PaymentHeld', { paymentId: 'pay.again', balance: 800 });
    },
  ],
  'a capture without a sale': [
    ['capture-without-sale'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld');
      await world.payment('PaymentCaptured');
    },
  ],
  'a capture of another payment’s sale': [
    ['capture-without-sale'],
    async (world) => {
      await world.buy();
      await world.seat('SeatReserved', {}, 'A-1-2');
      await world.payment('PaymentHeld', { balance: 800 }, 'A-1-2');
      await world.payment('PaymentCaptured', {}, 'A-1-2');
    },
  ],
  'a payment captured twice': [
    ['wrong-resolution'],
    async (world) => {
      await world.buy();
      await world.payment('PaymentCaptured');
    },
  ],
  'money given back although the seat was sold': [
    ['released-but-sold'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld');
      await world.seat('SeatSold');
      await world.payment('PaymentReleased');
    },
  ],
  'money given back although the seat was not': [
    ['released-but-sold'],
    async (world) => {
      await world.buy();
      await world.payment('PaymentRefunded');
    },
  ],
  'an order whose seats are not held for it': [
    ['wrong-order'],
    async (world) => {
      await world.order('OrderPlaced');
      await world.orderSeat('SeatReserved', 'A-1-1');
      await world.order('OrderConfirmed');
    },
  ],
  'an order that nobody paid': [
    ['unpaid-sale'],
    async (world) => {
      await world.reserveOrder();
      await world.order('OrderPaid');
    },
  ],
  'an order that costs less than its seats': [
    ['wrong-order'],
    (world) => world.order('OrderPlaced', { price: 100 }),
  ],
  'a seat sold whose order is not': [
    ['unpaid-sale'],
    async (world) => {
      await world.reserveOrder();
      await world.orderSeat('SeatSold', 'A-1-1');
    },
  ],
  'a seat of a paid order given back': [
    ['wrong-release'],
    async (world) => {
      await world.buyOrder();
      await world.orderSeat('SeatReleased', 'A-1-2', { reason: 'refunded' });
    },
  ],
  'an order with a seat twice': [
    ['wrong-order'],
    (world) => {
      const seats = ['A-1-1', 'A-1-1'].map((seatId) => ({ seatId, price: 100 }));
      return world.order('OrderPlaced', { seats });
    },
  ],
  'an order settled before its seats followed': [
    ['wrong-order'],
    async (world) => {
      await world.reserveOrder();
      await world.orderPayment('PaymentHeld', { balance: 800 });
      await world.order('OrderPaid');
      await world.orderSeat('SeatSold', 'A-1-1');
      await world.orderPayment('PaymentCaptured');
      await world.order('OrderSettled');
      await world.orderSeat('SeatSold', 'A-1-2');
    },
  ],
  'an order settled before its money followed': [
    ['wrong-order'],
    async (world) => {
      await world.reserveOrder();
      await world.orderPayment('PaymentHeld', { balance: 800 });
      await world.order('OrderPaid');
      for (const seat of ['A-1-1', 'A-1-2']) await world.orderSeat('SeatSold', seat);
      await world.order('OrderSettled');
    },
  ],
  'a seat of two orders': [
    ['double-reservation', 'wrong-order'],
    async (world) => {
      await world.reserveOrder();
      const reservationId = world.reservation('A-1-1', 2);
      await world.orderSeat('SeatReserved', 'A-1-1', { reservationId, orderId: 'another' });
    },
  ],
  'a single seat released for an order’s reason': [
    ['wrong-release'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.seat('SeatReleased', { reason: 'not-all' });
    },
  ],
  'a session scheduled twice': [
    ['wrong-session'],
    (world) => world.scheduleSession(`concert-d${world.session}`),
  ],
  'money of two currencies on one account': [
    ['mixed-currencies'],
    (world) =>
      world.account(world.buyer, 'BalanceCharged', {
        chargeId: 'second',
        amount: 1,
        currency: 'EUR',
        balance: 1_001,
        at: '2026-01-01T00:00:00.000Z',
      }),
  ],
  'a summary with a charge that never was': [
    ['wrong-summary'],
    (world) => world.summary({ charges: [{ chargeId: 'never', amount: 7 }] }),
  ],
  'a summary that forgets a refund': [
    ['wrong-summary'],
    async (world) => {
      await world.buy();
      await world.seat('SeatReleased', { reason: 'refunded' });
      await world.payment('PaymentRefunded');
      await world.summary();
    },
  ],
  'a seat reserved for an order that does not have it': [
    ['wrong-order'],
    (world) => world.orderSeat('SeatReserved', 'A-1-1'),
  ],
  'an index that lacks a charge': [['wrong-summary'], (world) => world.index({ to: 0 })],
  'an index with a charge that never was': [
    ['wrong-summary'],
    (world) =>
      world.index({ to: 0 }, [
        ['first', 0],
        ['never', 0],
      ]),
  ],
  'an index that places a charge elsewhere': [
    ['wrong-summary'],
    (world) => world.index({ to: 0 }, [['first', 512]]),
  ],
  'an index that is forgotten before its charge': [
    ['wrong-summary'],
    (world) => world.index({ to: 0, countsUntil: '2026-01-02T23:59:59.999Z' }, [['first', 0]]),
  ],
  'an index of what comes after it': [
    ['wrong-summary'],
    (world) => world.index({ to: 1 }, [['first', 0]]),
  ],
  'an index that lacks a refund': [
    ['wrong-summary'],
    async (world) => {
      const paid = await refundedOf(world);
      await world.index({ to: 3 }, [
        ['first', 0],
        [paid, 1],
      ]);
    },
  ],
  'an index that tells a refund that never was': [
    ['wrong-summary'],
    (world) => world.index({ to: 0 }, [['first', 0]], [['never', 0]]),
  ],
  'an index that is no text of doubles': [
    ['unreadable'],
    (world) => world.index({ to: 0, entries: 'AAAA' }),
  ],
  'totals that name no index of a charge': [
    ['wrong-summary'],
    async (world) => {
      await world.index({ to: 0 }, [['first', 0]]);
      const more = { amount: 1, currency: 'KRW', at: '2026-01-01T00:00:00.000Z' };
      await world.account(world.buyer, 'BalanceCharged', {
        ...more,
        chargeId: 'second',
        balance: 1_001,
      });
      await world.totals({ balance: 1_001, indexes: [1] });
    },
  ],
  'totals that leave an index out': [
    ['wrong-summary'],
    async (world) => {
      await world.index({ to: 0 }, [['first', 0]]);
      await world.index({ from: 1, to: 1 });
      await world.totals({ indexes: [2] });
    },
  ],
  'totals that name what is no index': [
    ['wrong-summary'],
    (world) => world.totals({ indexes: [0] }),
  ],
  'totals that leave out an index with a refund': [
    ['wrong-summary'],
    async (world) => {
      const paid = await refundedOf(world);
      await world.index(
        { to: 3 },
        [
          ['first', 0],
          [paid, 1],
        ],
        [[paid, 3]],
      );
      const late = { amount: 1, currency: 'KRW', at: '2032-01-01T00:00:00.000Z' };
      await world.account(world.buyer, 'BalanceCharged', {
        ...late,
        chargeId: 'late',
        balance: 1_001,
      });
      const countsUntil = '2032-01-03T00:00:00.000Z';
      await world.index({ from: 4, to: 5, countsUntil }, [['late', 5]]);
      // The first index is over by then, but for the refund.
      await world.totals({ balance: 1_001, latestAt: late.at, indexes: [6] });
    },
  ],
  'totals of a later moment than any event’s': [
    ['wrong-summary'],
    async (world) => {
      await world.index({ to: 0 }, [['first', 0]]);
      await world.totals({ latestAt: '2032-01-01T00:00:00.000Z', indexes: [1] });
    },
  ],
  'totals with another balance': [
    ['wrong-summary'],
    async (world) => {
      await world.index({ to: 0 }, [['first', 0]]);
      await world.totals({ balance: 999, indexes: [1] });
    },
  ],
  'totals that forget money which is held': [
    ['wrong-summary'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld');
      const held = `pay.${world.reservation()}`;
      await world.index({ to: 1 }, [
        ['first', 0],
        [held, 1],
      ]);
      await world.totals({ balance: 900, held: 100, indexes: [2] });
    },
  ],
  'a summary with another balance': [['wrong-summary'], (world) => world.summary({ balance: 999 })],
  'a summary that forgets money which is held': [
    ['wrong-summary'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld');
      await world.summary({ balance: 900, held: 100 });
    },
  ],
  'a wrong balance': [
    ['wrong-balance'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld', { balance: 950 });
    },
  ],
  'a negative balance': [
    ['negative-balance', 'wrong-balance'],
    async (world) => {
      // Ten payments of 100 are covered, the eleventh is not; no event may state a balance below
      // zero.
      for (let turn = 1; turn <= 11; turn += 1) {
        const reservationId = world.reservation('A-1-1', turn);
        const paymentId = `pay.${reservationId}`;
        const balance = Math.max(0, 1_000 - turn * 100);
        await world.seat('SeatReserved', { reservationId });
        await world.payment('PaymentHeld', { paymentId, reservationId, balance });
        await world.seat('SeatReleased', { reservationId });
      }
    },
  ],
  'a charge booked twice': [
    ['charged-twice'],
    (world) =>
      world.account(world.buyer, 'BalanceCharged', {
        chargeId: 'first',
        amount: 1_000,
        currency: 'KRW',
        balance: 2_000,
        at: '2026-01-01T00:00:00.000Z',
      }),
  ],
  'a session at a time that PostgreSQL does not know': [
    ['unreadable', 'unreadable'],
    async (world) => {
      const times = {
        startsAt: '2031-01-01T00:00:00.000Z',
        salesOpenAt: '0000-01-01T00:00:00.000Z',
      };
      const late = { startsAt: '+010000-01-01T13:59:59.000Z', salesOpenAt: times.startsAt };
      for (const [n, given] of [times, late].entries()) {
        await world.write(`concert-x${n}${world.session}`, 'SessionScheduled', {
          sessionId: `x${n}${world.session}`,
          currency: 'KRW',
          sections: [{ section: 'A', price: 100, rows: [{ row: '1', seats: [1] }] }],
          ...given,
        });
      }
    },
  ],
  'titles and a venue that no list can show': [
    ['wrong-title', 'wrong-title', 'wrong-title'],
    async (world) => {
      const write = (name: string, data: Record<string, unknown>) =>
        world.write(`concert-${name}${world.session}`, 'ConcertRegistered', data);
      await write('half', { title: 'One \ud83d' });
      await write('nul', { title: 'T', venue: '\0' });
      await write('blank', { title: ' ' });
    },
  ],
  'an event without its fields': [
    ['unreadable'],
    (world) => world.seat('SeatReserved', { price: '100' }),
  ],
  'an event of a version that is not known': [
    ['unreadable'],
    (world) =>
      world.write(
        `account-later${world.buyer}`,
        'BalanceCharged',
        { chargeId: 'c', amount: 5, currency: 'KRW', balance: 5, at: '2026-01-01T00:00:00.000Z' },
        2,
      ),
  ],
  'an event on a stream whose name is not made of ids': [
    ['unreadable'],
    (world) =>
      world.write(`account-later ${world.session}`, 'BalanceCharged', {
        chargeId: 'c',
        amount: 5,
        currency: 'KRW',
        balance: 5,
        at: '2026-01-01T00:00:00.000Z',
      }),
  ],
  'a sale that was skipped, although its money was taken': [
    ['capture-without-sale'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld');
      await world.seat('SeatSold');
      await world.skip(`seat-${world.session}/A-1-1`, 1n);
      await world.payment('PaymentCaptured');
    },
  ],
  'a charge that was skipped, and whose money was spent': [
    ['wrong-balance'],
    async (world) => {
      const charge = { amount: 500, currency: 'KRW', at: '2026-01-01T00:00:00.000Z' };
      await world.account(world.buyer, 'BalanceCharged', {
        ...charge,
        ...{ chargeId: 'second', balance: 1_500 },
      });
      await world.skip(`account-${world.buyer}`, 1n);
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld', { balance: 1_400 });
    },
  ],
  'an event that was skipped and not announced to who reads the log in its order': [
    ['unreadable', 'wrong-skip'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.seat('SeatGivenAway');
      await world.skip(`seat-${world.session}/A-1-1`, 1n, { isAnnounced: false });
    },
  ],
  'a skip of an event that is not there, and one that names another place': [
    ['unreadable', 'wrong-skip', 'wrong-skip'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.seat('SeatGivenAway');
      await world.skip(`seat-${world.session}/A-1-1`, 7n);
      await world.skip(`seat-${world.session}/A-1-1`, 1n, { mark: { revision: 0 } });
    },
  ],
  'a skip that cannot be read': [
    ['unreadable'],
    (world) => world.write(`seat-${world.session}/A-1-1`, 'EventSkipped', {}),
  ],
  'another program’s event on a stream that is ours': [
    ['unreadable'],
    (world) => world.write(`account-${world.buyer}`, 'InvoiceSent', { amount: 1 }, null),
  ],
  'a newer version’s first event on a stream': [
    ['unreadable'],
    (world) => world.write(`seat-${world.session}/A-1-1`, 'SeatBlocked', {}, 1, 'c1'),
  ],
  'an event of no known type, on a stream that is ours': [
    ['unreadable'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.seat('SeatGivenAway');
    },
  ],
};

describeWithOwnEventStore('the proof from the log', () => {
  let store: TestEventStore;
  let client: EventStoreDBClient;

  before(async () => {
    store = await testEventStore();
    client = EventStoreDBClient.connectionString(store.url);
  });
  after(async () => {
    await client?.dispose();
    await store?.stop();
  });

  const find = async (world: World, graceMs?: number): Promise<string[]> => {
    const { violations } = await verify({
      eventStoreUrl: store.url,
      listedMax: 10_000,
      ...(graceMs === undefined ? {} : { graceMs }),
    });
    const own = violations.listed.filter(({ stream }) => stream?.includes(world.session));
    return own.map(({ code }) => code);
  };

  for (const [name, write] of Object.entries(honest)) {
    it(`finds nothing in ${name}`, async () => {
      const world = new World(client);
      await world.begin();
      await write(world);
      expect(await find(world)).to.deep.equal([]);
    });
  }

  for (const [name, [codes, plant]] of Object.entries(corrupt)) {
    it(`finds ${name}`, async () => {
      const world = new World(client);
      await world.begin();
      await plant(world);
      expect(await find(world)).to.deep.equal(codes);
    });
  }

  const overdue: Record<string, [codes: string[], plant: (world: World) => Promise<void>]> = {
    'money that is held': [
      ['unresolved-payment'],
      async (world) => {
        await world.seat('SeatReserved');
        await world.payment('PaymentHeld');
      },
    ],
    'money kept although the seat was taken back': [
      ['lost-refund'],
      async (world) => {
        await world.buy();
        await world.seat('SeatReleased', { reason: 'refunded' });
      },
    ],
    'a sold seat of a cancelled session': [
      ['kept-after-cancel'],
      async (world) => {
        await world.buy();
        await world.cancelSession();
      },
    ],
    'an order that was placed and left': [
      ['unsettled-order'],
      (world) => world.order('OrderPlaced'),
    ],
    'seats that did not follow their paid order': [
      ['lost-sale', 'lost-sale', 'unsettled-order'],
      async (world) => {
        await world.reserveOrder();
        await world.orderPayment('PaymentHeld', { balance: 800 });
        await world.order('OrderPaid');
        await world.orderPayment('PaymentCaptured');
      },
    ],
    'seats that did not follow their ended order': [
      ['lost-release', 'lost-release', 'unsettled-order'],
      async (world) => {
        await world.reserveOrder();
        await world.order('OrderEnded', { reason: 'cancelled' });
      },
    ],
  };
  for (const [name, [codes, plant]] of Object.entries(overdue)) {
    it(`finds ${name}, for long only`, async () => {
      const world = new World(client);
      await world.begin();
      await plant(world);
      expect(await find(world)).to.deep.equal([]);
      expect(await find(world, 0)).to.deep.equal(codes);
    });
  }

  it('says where each violation is', async () => {
    const world = new World(client);
    await world.begin();
    await world.buy();
    await world.seat('SeatSold', { userId: world.other });
    const verdict = await verify({ eventStoreUrl: store.url, listedMax: 10_000 });
    const stream = `seat-${world.session}/A-1-1`;
    expect(describeVerdict(verdict)).to.contain(`VIOLATION double-sale at 2@${stream}: `);
    expect(describeVerdict(verdict)).to.contain('NOT PROVEN');
  });

  it('judges a log that nobody works on as of its newest event', async () => {
    const world = new World(client);
    await world.begin();
    const soon = new Date(Date.now() + 50).toISOString();
    await world.seat('SeatReserved', { expiresAt: soon });
    await eventually('the hold is over', () => Date.now() > Date.parse(soon));
    expect(await find(world, 0)).to.deep.equal(['lost-release']);
    // Others, and the store itself, may go on writing.
    await client.appendToStream(
      `elsewhere-${world.session}`,
      jsonEvent({ type: 'Other', data: {} }),
    );
    const { violations } = await verify({
      eventStoreUrl: store.url,
      listedMax: 10_000,
      graceMs: 0,
      asOf: 'log-end',
    });
    expect(violations.listed.filter(({ stream }) => stream?.includes(world.session))).to.deep.equal(
      [],
    );
  });

  it('counts what was skipped', async () => {
    const { log } = await verify({ eventStoreUrl: store.url });
    expect(log.skipped).to.be.greaterThan(3);
  });

  it('lists so many violations and counts them all', async () => {
    const { violations } = await verify({ eventStoreUrl: store.url, listedMax: 2 });
    expect(violations.listed).to.have.length(2);
    const sum = Object.values(violations.byCode).reduce((total, count) => total + count, 0);
    expect(violations.total).to.equal(sum).and.to.be.greaterThan(2);
  });

  it('says that the log cannot be read when it cannot', async () => {
    const failure = await verify({ eventStoreUrl: 'esdb://127.0.0.1:1?tls=false' }).catch(
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(Error);
  });
});
