import type { Corruptions } from './world.ts';

/** Corruptions of sessions, of events that cannot be read, and of skips. */
export const corruptEvents: Corruptions = {
  'a session scheduled twice': [
    ['wrong-session'],
    (world) => world.scheduleSession(`concert-d${world.session}`),
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
