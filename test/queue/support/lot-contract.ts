import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Lot } from '../../../src/queue/lot.ts';
import { notSteered } from '../../../src/queue/queue-control.ts';
import type { OpenQueue } from './times.ts';
import { underTest } from './under-test.ts';

const seed = '5eed'.repeat(16);

/** As docs/adr/0036-places-by-lot.md tells it, with whole numbers only. */
export function rankByLot(lot: Lot, userId: string): number {
  const hash = createHash('sha1').update(`${lot.seed} ${userId}`).digest('hex').slice(0, 13);
  const width = BigInt(lot.untilNumber - lot.fromNumber);
  return lot.fromNumber + Number((BigInt(`0x${hash}`) * width) >> 52n);
}

/** Users of a lot in their order: by rank, and by id where ranks are equal. */
export const inOrderOf = (lot: Lot, users: readonly string[]): string[] =>
  users
    .map((user) => [rankByLot(lot, user), user] as const)
    .sort(([a, one], [b, other]) => a - b || (one < other ? -1 : 1))
    .map(([, user]) => user);

/** A lot for who enrols within `forMs` from `fromMs` on; told a minute later, opened two later. */
export const lotOf = (fromMs: number, forMs: number, drawn = ''): Lot => ({
  fromNumber: fromMs * 1_000,
  untilNumber: (fromMs + forMs) * 1_000,
  seed: drawn,
  toldAtMs: fromMs + forMs + 60_000,
  opensAtMs: fromMs + forMs + 120_000,
});

/** How every waiting queue gives places by lot. */
export function lotContract(name: string, open: OpenQueue | undefined, runs: number): void {
  describe(`waiting queue, ${name}, before a sale with a lot opens`, () => {
    const t = underTest(open);
    const forMs = 1_000_000;
    let revision = 0;
    const steer = (lot: Lot | null, paused = false) => {
      t.queue.steer({ ...notSteered, revision, lot, paused });
      revision += 1;
    };
    beforeEach(() => {
      revision = 0;
    });

    it('tells who takes part when it opens and no position, and asks for few polls', async () => {
      await t.start();
      const lot = lotOf(t.clock.ms, forMs);
      steer(lot);
      for (const user of ['a', 'b', 'a']) {
        const entry = await t.queue.poll(user);
        expect(entry).to.deep.include({ processing: false, ahead: null, position: null });
        expect(entry).to.deep.include({ estimatedWaitSeconds: null, estimateReason: 'not-open' });
        expect(entry).to.deep.include({ retryAfterMs: 20_000, opensAt: lot.opensAtMs });
        expect(await t.queue.authorize(user, entry.token)).to.equal('waiting');
        t.clock.ms += 1_000;
      }
      t.clock.ms = lot.opensAtMs + 1;
      expect((await t.queue.poll('a')).processing, 'not drawn, so not open').to.equal(false);
    });

    it('admits by the draw from the opening on, who came later behind in order, who came before in front', async () => {
      await t.start({ admittedMax: 1, waitingMs: 10_000_000 });
      await t.queue.poll('inside');
      for (const user of ['before-1', 'before-2']) await t.queue.poll(user);
      t.clock.ms += 1;
      const lot = lotOf(t.clock.ms, forMs, seed);
      steer({ ...lot, seed: '' });
      const users = Array.from({ length: 30 }, (_, n) => `u-${n}`);
      for (const user of users) await t.queue.poll(user);
      t.clock.ms += forMs;
      for (const user of ['late-1', 'late-2']) await t.queue.poll(user);
      steer(lot);
      const line = ['before-1', 'before-2', ...inOrderOf(lot, users), 'late-1', 'late-2'];
      for (const user of [...line].sort()) {
        const { ahead } = await t.queue.poll(user);
        if (!user.startsWith('before')) expect(ahead, 'not joined yet').to.equal(null);
      }
      t.clock.ms = lot.toldAtMs;
      for (const [ahead, user] of line.entries()) {
        const entry = await t.queue.poll(user);
        expect(entry, user).to.deep.include({ ahead, position: ahead + 1, processing: false });
        expect(entry).to.deep.include({ estimateReason: 'not-open', opensAt: lot.opensAtMs });
      }
      t.clock.ms = lot.opensAtMs - 400;
      t.queue.steer({ ...notSteered, revision: 9, lot, admittedMax: 20 });
      expect((await t.queue.poll(line[0] as string)).retryAfterMs, 'at the opening').to.equal(400);
      t.clock.ms = lot.opensAtMs - 1;
      t.queue.steer({ ...notSteered, revision: 10, lot, admittedMax: 20 });
      for (const user of line) {
        expect((await t.queue.poll(user)).processing, 'a millisecond early').to.equal(false);
      }
      t.clock.ms += 1;
      const admitted: string[] = [];
      for (const user of [...line].reverse()) {
        const entry = await t.queue.poll(user);
        expect(entry).not.to.have.property('opensAt');
        if (entry.processing) admitted.push(user);
      }
      expect(admitted.reverse()).to.deep.equal(line.slice(0, 20));
    });

    it('keeps the rank of who is away at the opening: in front of all who are behind by the draw', async () => {
      await t.start({ admittedMax: 1, waitingMs: 10_000_000 });
      const lot = lotOf(t.clock.ms, forMs, seed);
      steer({ ...lot, seed: '' });
      const users = ['a', 'b', 'c', 'd'];
      const [first, second, third] = inOrderOf(lot, users) as [string, string, string];
      for (const user of users) await t.queue.poll(user);
      t.clock.ms = lot.opensAtMs;
      steer(lot);
      expect((await t.queue.poll(second)).processing, 'who is first is away').to.equal(true);
      expect(await t.queue.poll(third)).to.deep.include({ ahead: 0 });
      expect(await t.queue.poll(first)).to.deep.include({ ahead: 0 });
      expect(await t.queue.poll(third)).to.deep.include({ ahead: 1 });
    });

    it('goes by order of arrival when the lot is taken away, and by lot when it comes late', async () => {
      await t.start({ admittedMax: 1, waitingMs: 10_000_000 });
      await t.queue.poll('inside');
      const lot = lotOf(t.clock.ms, forMs, seed);
      t.clock.ms += 1;
      const users = Array.from({ length: 10 }, (_, n) => `u-${n}`);
      for (const user of users) await t.queue.poll(user);
      steer({ ...lot, seed: '' });
      for (const user of users) expect((await t.queue.poll(user)).ahead).to.equal(null);
      t.clock.ms = lot.toldAtMs;
      steer(lot);
      for (const user of users) await t.queue.poll(user);
      for (const [ahead, user] of inOrderOf(lot, users).entries()) {
        expect((await t.queue.poll(user)).ahead, user).to.equal(ahead);
      }
      steer(null, true);
      for (const user of users) await t.queue.poll(user);
      for (const [ahead, user] of users.entries()) {
        expect((await t.queue.poll(user)).ahead, user).to.equal(ahead);
      }
    });

    it('has one order for a seed, however users come and poll, also where ranks are equal', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/), {
            minLength: 1,
            maxLength: 40,
          }),
          fc.stringMatching(/^[0-9a-f]{64}$/),
          fc.integer({ min: 1, max: 60 }),
          fc.infiniteStream(fc.nat(1_000)),
          async (users, drawn, width, chances) => {
            await t.start({ admittedMax: 1, waitingMs: 10_000_000 });
            revision = 0;
            // So few ranks for the users that many are equal.
            const lot = { ...lotOf(t.clock.ms, 1, drawn), toldAtMs: t.clock.ms + 1 };
            lot.untilNumber = lot.fromNumber + Math.max(width, users.length);
            steer({ ...lot, seed: '' });
            const shuffled = () =>
              users
                .map((user) => [chances.next().value as number, user] as const)
                .sort(([a], [b]) => a - b)
                .map(([, user]) => user);
            for (const user of shuffled()) await t.queue.poll(user);
            t.clock.ms = lot.toldAtMs;
            steer(lot);
            for (const user of shuffled()) await t.queue.poll(user);
            const line = inOrderOf(lot, users);
            for (const user of shuffled()) {
              expect((await t.queue.poll(user)).ahead, user).to.equal(line.indexOf(user));
            }
            await t.end();
          },
        ),
        { numRuns: runs },
      );
    }).timeout(60_000);
  });
}
