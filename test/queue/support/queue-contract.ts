import { expect } from 'chai';
import { endsMax } from '../../../src/queue/pace.ts';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import { QueueFull } from '../../../src/queue/waiting-queue.ts';
import { pauseContract } from './pause-contract.ts';
import { placeContract } from './place-contract.ts';
import { steeringContract } from './steering-contract.ts';
import { type OpenQueue, testSettings } from './times.ts';
import { underTest } from './under-test.ts';

/**
 * What every waiting queue must do. `open` is undefined where there is nothing to run it on: then
 * it is skipped.
 */
export function queueContract(name: string, open: OpenQueue | undefined): void {
  placeContract(name, open);
  pauseContract(name, open);
  steeringContract(name, open);
  describe(`waiting queue, ${name}`, () => {
    const t = underTest(open);

    /** Polls as told, as often as it takes. */
    const passAsTold = async (user: string, ms: number): Promise<QueueEntry> => {
      const untilMs = t.clock.ms + ms;
      let entry = await t.queue.poll(user);
      while (!entry.processing && t.clock.ms + entry.retryAfterMs <= untilMs) {
        t.clock.ms += entry.retryAfterMs;
        entry = await t.queue.poll(user);
      }
      t.clock.ms = untilMs;
      return entry;
    };

    describe('poll', () => {
      it('admits at once while there is room, until the claim is due', async () => {
        await t.start();
        const entry = await t.queue.poll('a');
        expect(entry).to.deep.include({ userId: 'a', processing: true, ahead: 0, position: 0 });
        expect(entry).to.deep.include({ estimatedWaitSeconds: 0, retryAfterMs: 0 });
        expect(entry.expiresAt).to.equal(t.clock.ms + testSettings.claimMs);
        expect(entry.token).to.match(/^a\.[A-Za-z0-9_-]{32}$/);
      });

      it('lines up the others in the order in which they came', async () => {
        await t.start();
        for (const user of ['a', 'b']) expect((await t.queue.poll(user)).processing).to.equal(true);
        for (const [ahead, user] of ['c', 'd', 'e'].entries()) {
          const entry = await t.queue.poll(user);
          expect(entry).to.deep.include({ processing: false, ahead, position: ahead + 1 });
          const dueAt = t.clock.ms + 2 * entry.retryAfterMs;
          expect(entry.expiresAt).to.equal(dueAt + testSettings.waitingMs);
          expect(entry.retryAfterMs).to.equal(1_000);
          expect(entry).to.deep.include({
            estimatedWaitSeconds: null,
            estimateReason: 'nobody-admitted',
          });
        }
        expect((await t.queue.poll('c')).ahead).to.equal(0);
        expect((await t.queue.poll('e')).ahead).to.equal(2);
      });

      it('keeps a user’s token while the place lives, and gives everyone another', async () => {
        await t.start();
        const tokens = new Map<string, string>();
        for (const user of ['a', 'b', 'c', 'd']) tokens.set(user, (await t.queue.poll(user)).token);
        expect(new Set(tokens.values())).to.have.property('size', 4);
        for (const user of ['d', 'c', 'b', 'a']) {
          expect((await t.queue.poll(user)).token).to.equal(tokens.get(user));
        }
      });

      it('keeps the token when the user moves from the line to a place', async () => {
        await t.start({ admittedMax: 1, claimMs: 500 });
        await t.queue.poll('a');
        const { token } = await t.queue.poll('b');
        t.clock.ms += 1_000;
        expect(await t.queue.poll('b')).to.deep.include({ processing: true, token });
      });

      it('claims an admission by a further poll, and no poll lengthens the place', async () => {
        await t.start({ admittedMax: 1, claimMs: 5_000, admittedMs: 10_000 });
        await t.queue.poll('a');
        t.clock.ms += 4_999;
        const endsAt = t.clock.ms + 10_000;
        expect((await t.queue.poll('a')).expiresAt).to.equal(endsAt);
        for (; t.clock.ms < endsAt - 1_000; t.clock.ms += 1_000) {
          expect((await t.queue.poll('a')).expiresAt).to.equal(endsAt);
          expect((await t.queue.poll('b')).processing).to.equal(false);
        }
        t.clock.ms = endsAt;
        expect((await t.queue.poll('b')).processing).to.equal(true);
        expect(await t.queue.poll('a')).to.deep.include({ processing: false, ahead: 0 });
      });

      it('gives an admission that is not claimed to the next, and its user stands in front again', async () => {
        await t.start({ admittedMax: 1, claimMs: 30_000 });
        const { token } = await t.queue.poll('vanished');
        const b = await passAsTold('b', 29_000);
        expect(b.processing).to.equal(false);
        await t.queue.poll('c');
        t.clock.ms += 1_000;
        expect((await t.queue.poll('b')).processing).to.equal(true);
        await t.queue.poll('c');
        const again = await t.queue.poll('vanished');
        expect(again).to.deep.include({ processing: false, ahead: 0, token });
        expect((await t.queue.poll('c')).ahead).to.equal(1);
        expect(await t.queue.authorize('vanished', token)).to.equal('waiting');
      });

      it('forgets who does not come back within the waiting time, with the token', async () => {
        await t.start({ admittedMax: 1, claimMs: 30_000, waitingMs: 60_000 });
        await t.queue.poll('a');
        const { token, expiresAt } = await t.queue.poll('b');
        t.clock.ms = expiresAt - 1;
        expect(await t.queue.authorize('b', token)).to.equal('waiting');
        await t.queue.poll('c');
        t.clock.ms += 1;
        expect(await t.queue.authorize('b', token)).to.equal('unknown');
        const again = await t.queue.poll('b');
        expect(again.token).not.to.equal(token);
      });

      it('admits in the order of the line while those in front are there, whoever polls', async () => {
        await t.start({ admittedMax: 1, claimMs: 1_500 });
        for (const user of ['a', 'b', 'c']) await t.queue.poll(user);
        t.clock.ms += 1_400;
        await t.queue.poll('b');
        t.clock.ms += 100;
        expect(await t.queue.poll('c')).to.deep.include({ processing: false, ahead: 1 });
        expect((await t.queue.poll('b')).processing).to.equal(true);
      });

      it('passes over who is later than told, and lets them in first when they are back', async () => {
        await t.start({ admittedMax: 1, claimMs: 300 });
        for (const user of ['a', 'away', 'there']) await t.queue.poll(user);
        t.clock.ms += 200;
        await t.queue.poll('there');
        t.clock.ms += 199;
        await t.queue.poll('later');
        expect((await t.queue.poll('there')).ahead, 'away is awaited until now').to.equal(1);
        t.clock.ms += 1;
        expect((await t.queue.poll('there')).processing).to.equal(true);
        t.clock.ms += 300;
        expect((await t.queue.poll('away')).processing, 'in front of later').to.equal(true);
      });

      it('keeps the place of a hidden tab, whose timers come once a minute', async () => {
        await t.start({
          admittedMax: 1,
          claimMs: 1_000,
          admittedMs: 86_400_000,
          placeMaxMs: 86_400_000,
        });
        await t.queue.poll('a');
        await t.queue.poll('a');
        const { token } = await t.queue.poll('hidden');
        for (let minute = 0; minute < 20; minute += 1) {
          t.clock.ms += 60_200;
          await t.queue.poll(`newer-${minute}`);
          const entry = await t.queue.poll('hidden');
          expect(entry).to.deep.include({ ahead: 0, token });
          expect(entry.expiresAt - t.clock.ms, 'two timers more').to.be.greaterThan(2 * 60_200);
        }
      });

      it('does not let those who are gone hold up those who are there', async () => {
        await t.start({ admittedMax: 1, claimMs: 30_000, waitingMax: 10 * endsMax });
        await t.queue.poll('a');
        for (let n = 0; n < 3 * endsMax; n += 1) await t.queue.poll(`gone-${n}`);
        await passAsTold('living', 29_000);
        t.clock.ms += 1_000;
        expect((await t.queue.poll('living')).processing).to.equal(true);
      });

      it('gives as long to claim an admission as users need, and more again when one is late', async () => {
        await t.start({ admittedMax: 1, afterPaymentMs: 1 });
        const time = ({ expiresAt }: QueueEntry) => expiresAt - t.clock.ms;
        const buy = async (user: string) => {
          await t.queue.poll(user);
          await t.queue.shorten(user);
          t.clock.ms += 1;
        };
        for (let n = 0; n < 260; n += 1) {
          const entry = await t.queue.poll(`u-${n}`);
          if (n < 2) expect(time(entry)).to.equal(30_000 - 100 * n);
          await buy(`u-${n}`);
        }
        expect(time(await t.queue.poll('late'))).to.equal(5_000);
        t.clock.ms += 4_999;
        expect((await t.queue.poll('other')).processing).to.equal(false);
        t.clock.ms += 1;
        expect((await t.queue.poll('other')).processing).to.equal(true);
        await buy('other');
        t.clock.ms += 10_000;
        expect(time(await t.queue.poll('late')), 'late is in front, and was heard').to.equal(7_000);
      });

      it('estimates the wait from recent admissions', async () => {
        await t.start({ admittedMax: 1, claimMs: 1_000 });
        for (let n = 0; n < 60; n += 1) await t.queue.poll(`u-${n}`);
        for (let second = 1; second <= 45; second += 1) {
          t.clock.ms += 1_000;
          for (let n = second; n < 60; n += 1) await t.queue.poll(`u-${n}`);
        }
        const entry = await t.queue.poll('u-59');
        expect(entry.ahead).to.equal(13);
        expect(entry.estimatedWaitSeconds).to.be.within(12, 16); // one a second were admitted
      });

      it('refuses one more than may wait, and still serves those who do', async () => {
        await t.start({ admittedMax: 1, waitingMax: 2 });
        for (const user of ['a', 'b', 'c']) await t.queue.poll(user);
        const refusal = await t.queue.poll('d').catch((error: unknown) => error);
        expect(refusal).to.be.instanceOf(QueueFull);
        expect((await t.queue.poll('c')).ahead).to.equal(1);
        t.clock.ms += testSettings.claimMs;
        expect((await t.queue.poll('d')).processing, 'room, and nobody there').to.equal(true);
        t.clock.ms += 2 * testSettings.waitingMs;
        expect((await t.queue.poll('e')).processing).to.equal(true);
      });
    });

    it('never admits more than admittedMax while 1,000 users poll in parallel', async () => {
      await t.start({ admittedMax: 30 });
      const users = Array.from({ length: 1_000 }, (_, n) => `u-${n}`);
      for (let round = 1; round <= 3; round += 1) {
        const places = await Promise.all(users.map((user) => t.queue.poll(user)));
        const admitted = places.filter((place) => place.processing);
        expect(admitted).to.have.lengthOf(30);
        const waiting = places.filter((place) => !place.processing);
        const ranks = new Set(waiting.map((place) => place.ahead as number));
        expect([...ranks].sort((a, b) => a - b)).to.deep.equal([...Array(970).keys()]);
      }
    });

    it('is reachable', async () => {
      await t.start();
      expect(await t.queue.reachable(1_000)).to.equal(true);
    });
  });
}
