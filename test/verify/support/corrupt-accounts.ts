import type { Corruptions, World } from './world.ts';

/** A payment that came and went, at revisions 1 to 3 of the buyer's account. */
async function refundedOf(world: World): Promise<string> {
  await world.buy();
  await world.seat('SeatReleased', { reason: 'refunded' });
  await world.payment('PaymentRefunded');
  return `pay.${world.reservation()}`;
}

/** Corruptions of accounts: balances, summaries, indexes and totals. */
export const corruptAccounts: Corruptions = {
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
};
