import { expect } from 'chai';
import fc from 'fast-check';
import { notSteered } from '../../../src/queue/queue-control.ts';
import type { QueueRooms } from '../../../src/queue/queue-rooms.ts';
import { newSecret, tokenOf } from '../../../src/queue/token.ts';
import { QueueFull, type QueueSettings } from '../../../src/queue/waiting-queue.ts';
import { type OpenRooms, TestClock, testSettings } from './times.ts';

const names = ['', 'gala', 'tour'] as const;

/** What the rooms of every waiting queue must do. */
export function roomsContract(name: string, open: OpenRooms | undefined, runs: number): void {
  describe(`rooms of the waiting queue, ${name}`, () => {
    let clock: TestClock;
    let rooms: QueueRooms;
    let close: (() => Promise<void>) | undefined;
    const start = async (settings: Partial<QueueSettings> = {}) => {
      clock = new TestClock();
      ({ rooms, close } = await (open as OpenRooms)({ ...testSettings, ...settings }, clock.now));
    };
    const poll = (room: string, user: string) => rooms.of(room).poll(user);
    const isIn = async (room: string, user: string) => (await poll(room, user)).processing;
    before(function () {
      if (open === undefined) this.skip();
    });
    afterEach(async () => {
      await close?.();
      close = undefined;
    });

    it('have places and lines of their own: a full one holds up no other', async () => {
      await start({ admittedMax: 1 });
      expect(await isIn('gala', 'a')).to.equal(true);
      for (const user of ['b', 'c', 'd']) expect(await isIn('gala', user)).to.equal(false);
      expect(await isIn('', 'e'), 'the line of the shop').to.equal(true);
      expect(await isIn('tour', 'f')).to.equal(true);
      expect((await poll('tour', 'b')).ahead, 'waits in two rooms').to.equal(0);
      expect((await poll('gala', 'd')).ahead).to.equal(2);
      const counts = { waiting: 0, there: 0, admitted: 1 };
      expect(Object.fromEntries(await rooms.counts(10))).to.deep.equal({
        '': counts,
        gala: { ...counts, waiting: 3, there: 3 },
        tour: { ...counts, waiting: 1, there: 1 },
      });
      expect([...(await rooms.counts(2)).keys()], 'so many at most').to.deep.equal(['', 'gala']);
    });

    it('take their own tokens alone', async () => {
      await start();
      for (const room of names) {
        const { token } = await poll(room, 'a');
        expect(token.endsWith(room === '' ? '' : `.${room}`)).to.equal(true);
        for (const other of names) {
          const state = await rooms.of(other).authorize('a', token);
          expect(state, `${room} in ${other}`).to.equal(room === other ? 'admitted' : 'other-room');
        }
        const [user = '', secret = ''] = token.split('.');
        for (const other of names.filter((one) => one !== room)) {
          const moved = tokenOf(user, secret, other);
          expect(await rooms.of(other).authorize('a', moved), 'another name').to.equal('unknown');
        }
        const forged = tokenOf('a', newSecret(), room);
        expect(await rooms.of(room).authorize('a', forged)).to.equal('unknown');
        expect(await rooms.of(room).authorize('b', token)).to.equal('not-yours');
        clock.ms += testSettings.placeMaxMs;
        expect(await rooms.of(room).authorize('a', token), 'over').to.equal('unknown');
        expect((await poll(room, 'a')).token, 'another one').not.to.equal(token);
        expect(await rooms.of(room).authorize('a', token), 'used again').to.equal('unknown');
      }
    });

    it('are steered one by one, also those that open later', async () => {
      await start({ admittedMax: 1 });
      await poll('gala', 'a');
      rooms.steer((room) => ({
        ...notSteered,
        ...(room === 'gala' && { revision: 3, admittedMax: 3 }),
        ...(room === 'tour' && { revision: 4, paused: true }),
      }));
      expect(await isIn('gala', 'b')).to.equal(true);
      expect(await poll('tour', 'a')).to.deep.include({
        processing: false,
        estimateReason: 'paused',
      });
      expect([await isIn('', 'a'), await isIn('', 'b')]).to.deep.equal([true, false]);
      rooms.steer((room) => ({
        ...notSteered,
        ...(room === 'gala' && { revision: 5, admittedMax: 3, clearedRevision: 5 }),
        ...(room === 'tour' && { revision: 4, paused: true }),
      }));
      await poll('gala', 'a');
      expect((await rooms.counts(10)).get('')?.waiting, 'the others keep their lines').to.equal(1);
      expect((await rooms.counts(10)).get('tour')?.waiting).to.equal(1);
    });

    it('are not emptied by a flood of invented users: who waits is admitted in order', async () => {
      await start({ admittedMax: 1, waitingMax: 10, claimMs: 1_000, waitingMs: 60_000 });
      await poll('gala', 'first');
      const waiting = Array.from({ length: 10 }, (_, n) => `w-${n}`);
      const tokens = new Map<string, string>();
      for (const user of waiting) tokens.set(user, (await poll('gala', user)).token);
      let refused = 0;
      for (const [n, user] of waiting.entries()) {
        for (let flood = 0; flood < 100; flood += 1) {
          // One may take the place in the line that the one before has left, behind all others.
          const outcome = await poll('gala', `invented-${n}-${flood}`).catch((error) => error);
          if (outcome instanceof QueueFull) refused += 1;
          else expect(outcome.processing, `${user} is in front`).to.equal(false);
        }
        for (const other of waiting.slice(n)) await poll('gala', other);
        clock.ms += 1_000;
        const entry = await poll('gala', user);
        expect(entry).to.deep.include({ processing: true, token: tokens.get(user) });
      }
      expect(refused).to.be.greaterThan(900);
      expect(await isIn('tour', 'elsewhere'), 'another room has no flood').to.equal(true);
    });

    it('have at no sample more inside than their limits', async function () {
      this.timeout(120_000);
      await fc.assert(samples(open as OpenRooms, limits), { numRuns: runs });
    });

    it('would be found with one more than a lower limit (negative control)', async () => {
      for (const room of names) {
        const wrong = { ...limits, [room]: limits[room] - 1 };
        const run = { numRuns: 200, endOnFailure: true };
        const { failed } = await fc.check(samples(open as OpenRooms, wrong), run);
        expect(failed, room).to.equal(true);
      }
    });
  });
}

/** Places of each room: one as the settings say, the others as they are steered. */
const limits: Readonly<Record<(typeof names)[number], number>> = { '': 2, gala: 1, tour: 3 };

const room = fc.constantFrom(...names);
const user = fc.integer({ min: 0, max: 11 }).map((n) => `u-${n}`);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('poll' as const), room, user }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('shorten' as const), room, user }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.integer({ min: 1, max: 1_500 }),
    }),
  },
);

/** Random histories; after each step nobody may be inside who has no room there. */
function samples(open: OpenRooms, allowed: Readonly<Record<string, number>>) {
  const settings = { ...testSettings, claimMs: 800, admittedMs: 2_000, placeMaxMs: 2_500 };
  return fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
    const clock = new TestClock();
    const { rooms, close } = await open({ ...settings, admittedMax: limits[''] }, clock.now);
    try {
      rooms.steer((name) => ({
        ...{ ...notSteered, revision: 0 },
        admittedMax: name === '' ? null : limits[name as keyof typeof limits],
      }));
      /** By what the answers told, until when: each room's users who are inside. */
      const inside = new Map(names.map((name) => [name as string, new Map<string, number>()]));
      for (const at of steps) {
        if (at.kind === 'pass') clock.ms += at.ms;
        else if (at.kind === 'shorten') await rooms.of(at.room).shorten(at.user);
        else {
          const entry = await rooms.of(at.room).poll(at.user);
          if (entry.processing) inside.get(at.room)?.set(at.user, entry.expiresAt);
          else inside.get(at.room)?.delete(at.user);
        }
        if (at.kind === 'shorten') inside.get(at.room)?.delete(at.user);
        const counted = await rooms.counts(10);
        for (const [name, users] of inside) {
          const told = [...users.values()].filter((endsAt) => endsAt > clock.ms).length;
          const most = Math.max(told, counted.get(name)?.admitted ?? 0);
          if (most > (allowed[name] as number)) throw new Error(`${most} are inside ${name}`);
        }
      }
    } finally {
      await close();
    }
  });
}
