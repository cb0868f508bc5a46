import { expect } from 'chai';
import { endsMax, lateMs } from '../../../src/queue/pace.ts';
import { notSteered, type QueueControl } from '../../../src/queue/queue-control.ts';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import { newSecret, tokenOf } from '../../../src/queue/token.ts';
import {
  QueueDraining,
  QueueFull,
  type QueueSettings,
  type WaitingQueue,
} from '../../../src/queue/waiting-queue.ts';
import { type OpenQueue, TestClock, testSettings } from './times.ts';

/**
 * What every waiting queue must do. `open` is undefined where there is nothing to run it on: then
 * it is skipped.
 */
export function queueContract(name: string, open: OpenQueue | undefined): void {
  describe(`waiting queue, ${name}`, () => {
    let clock: TestClock;
    let queue: WaitingQueue;
    let close: (() => Promise<void>) | undefined;

    before(function () {
      if (open === undefined) this.skip();
    });

    const start = async (settings: Partial<QueueSettings> = {}): Promise<void> => {
      clock = new TestClock();
      const opened = await (open as OpenQueue)({ ...testSettings, ...settings }, clock.now);
      ({ queue, close } = opened);
    };

    afterEach(async () => {
      await close?.();
      close = undefined;
    });

    /** Polls as told, as often as it takes. */
    const passAsTold = async (user: string, ms: number): Promise<QueueEntry> => {
      const untilMs = clock.ms + ms;
      let entry = await queue.poll(user);
      while (!entry.processing && clock.ms + entry.retryAfterMs <= untilMs) {
        clock.ms += entry.retryAfterMs;
        entry = await queue.poll(user);
      }
      clock.ms = untilMs;
      return entry;
    };

    describe('poll', () => {
      it('admits at once while there is room, until the claim is due', async () => {
        await start();
        const entry = await queue.poll('a');
        expect(entry).to.deep.include({ userId: 'a', processing: true, ahead: 0, position: 0 });
        expect(entry).to.deep.include({ estimatedWaitSeconds: 0, retryAfterMs: 0 });
        expect(entry.expiresAt).to.equal(clock.ms + testSettings.claimMs);
        expect(entry.token).to.match(/^a\.[A-Za-z0-9_-]{32}$/);
      });

      it('lines up the others in the order in which they came', async () => {
        await start();
        for (const user of ['a', 'b']) expect((await queue.poll(user)).processing).to.equal(true);
        for (const [ahead, user] of ['c', 'd', 'e'].entries()) {
          const entry = await queue.poll(user);
          expect(entry).to.deep.include({ processing: false, ahead, position: ahead + 1 });
          const dueAt = clock.ms + entry.retryAfterMs + lateMs;
          expect(entry.expiresAt).to.equal(dueAt + testSettings.waitingMs);
          expect(entry.retryAfterMs).to.equal(1_000);
          expect(entry).to.deep.include({
            estimatedWaitSeconds: null,
            estimateReason: 'nobody-admitted',
          });
        }
        expect((await queue.poll('c')).ahead).to.equal(0);
        expect((await queue.poll('e')).ahead).to.equal(2);
      });

      it('keeps a user’s token while the place lives, and gives everyone another', async () => {
        await start();
        const tokens = new Map<string, string>();
        for (const user of ['a', 'b', 'c', 'd']) tokens.set(user, (await queue.poll(user)).token);
        expect(new Set(tokens.values())).to.have.property('size', 4);
        for (const user of ['d', 'c', 'b', 'a']) {
          expect((await queue.poll(user)).token).to.equal(tokens.get(user));
        }
      });

      it('keeps the token when the user moves from the line to a place', async () => {
        await start({ admittedMax: 1, claimMs: 500 });
        await queue.poll('a');
        const { token } = await queue.poll('b');
        clock.ms += 1_000;
        expect(await queue.poll('b')).to.deep.include({ processing: true, token });
      });

      it('claims an admission by a further poll, and no poll lengthens the place', async () => {
        await start({ admittedMax: 1, claimMs: 5_000, admittedMs: 10_000 });
        await queue.poll('a');
        clock.ms += 4_999;
        const endsAt = clock.ms + 10_000;
        expect((await queue.poll('a')).expiresAt).to.equal(endsAt);
        for (; clock.ms < endsAt - 1_000; clock.ms += 1_000) {
          expect((await queue.poll('a')).expiresAt).to.equal(endsAt);
          expect((await queue.poll('b')).processing).to.equal(false);
        }
        clock.ms = endsAt;
        expect((await queue.poll('b')).processing).to.equal(true);
        expect(await queue.poll('a')).to.deep.include({ processing: false, ahead: 0 });
      });

      it('gives an admission that is not claimed to the next, and its user stands in front again', async () => {
        await start({ admittedMax: 1, claimMs: 30_000 });
        const { token } = await queue.poll('vanished');
        const b = await passAsTold('b', 29_000);
        expect(b.processing).to.equal(false);
        await queue.poll('c');
        clock.ms += 1_000;
        expect((await queue.poll('b')).processing).to.equal(true);
        await queue.poll('c');
        const again = await queue.poll('vanished');
        expect(again).to.deep.include({ processing: false, ahead: 0, token });
        expect((await queue.poll('c')).ahead).to.equal(1);
        expect(await queue.authorize('vanished', token)).to.equal('waiting');
      });

      it('forgets who does not come back within the waiting time, with the token', async () => {
        await start({ admittedMax: 1, claimMs: 30_000, waitingMs: 60_000 });
        await queue.poll('a');
        const { token, expiresAt } = await queue.poll('b');
        clock.ms = expiresAt - 1;
        expect(await queue.authorize('b', token)).to.equal('waiting');
        await queue.poll('c');
        clock.ms += 1;
        expect(await queue.authorize('b', token)).to.equal('unknown');
        const again = await queue.poll('b');
        expect(again.token).not.to.equal(token);
      });

      it('admits in the order of the line while those in front are there, whoever polls', async () => {
        await start({ admittedMax: 1, claimMs: 1_500 });
        for (const user of ['a', 'b', 'c']) await queue.poll(user);
        clock.ms += 1_500;
        expect(await queue.poll('c')).to.deep.include({ processing: false, ahead: 1 });
        expect((await queue.poll('b')).processing).to.equal(true);
      });

      it('passes over who is later than told, and lets them in first when they are back', async () => {
        await start({ admittedMax: 1, claimMs: 2_000 });
        for (const user of ['a', 'away', 'there']) await queue.poll(user);
        clock.ms += 1_000;
        await queue.poll('there');
        clock.ms += 999;
        await queue.poll('later');
        expect((await queue.poll('there')).ahead, 'away is awaited until now').to.equal(1);
        clock.ms += 1;
        expect((await queue.poll('there')).processing).to.equal(true);
        clock.ms += 2_000;
        expect((await queue.poll('away')).processing, 'in front of later').to.equal(true);
      });

      it('keeps the place of a hidden tab, whose timers come once a minute', async () => {
        await start({
          admittedMax: 1,
          claimMs: 1_000,
          admittedMs: 86_400_000,
          placeMaxMs: 86_400_000,
        });
        await queue.poll('a');
        await queue.poll('a');
        const { token } = await queue.poll('hidden');
        for (let minute = 0; minute < 20; minute += 1) {
          clock.ms += 60_200;
          await queue.poll(`newer-${minute}`);
          const entry = await queue.poll('hidden');
          expect(entry).to.deep.include({ ahead: 0, token });
          expect(entry.expiresAt - clock.ms, 'two timers more').to.be.greaterThan(2 * 60_200);
        }
      });

      it('does not let those who are gone hold up those who are there', async () => {
        await start({ admittedMax: 1, claimMs: 30_000, waitingMax: 10 * endsMax });
        await queue.poll('a');
        for (let n = 0; n < 3 * endsMax; n += 1) await queue.poll(`gone-${n}`);
        await passAsTold('living', 29_000);
        clock.ms += 1_000;
        expect((await queue.poll('living')).processing).to.equal(true);
      });

      it('tells longer pauses further back, up to the longest', async () => {
        await start({ admittedMax: 1, pauseMaxMs: 4_000 });
        await queue.poll('a');
        const pauses: number[] = [];
        for (let n = 0; n < 180; n += 1) pauses.push((await queue.poll(`w-${n}`)).retryAfterMs);
        expect([0, 29, 59, 89, 119, 179].map((at) => pauses[at])).to.deep.equal([
          1_000, 1_000, 2_000, 3_000, 4_000, 4_000,
        ]);
      });

      it('estimates the wait from recent admissions', async () => {
        await start({ admittedMax: 1, claimMs: 1_000 });
        for (let n = 0; n < 60; n += 1) await queue.poll(`u-${n}`);
        for (let second = 1; second <= 45; second += 1) {
          clock.ms += 1_000;
          for (let n = second; n < 60; n += 1) await queue.poll(`u-${n}`);
        }
        const entry = await queue.poll('u-59');
        expect(entry.ahead).to.equal(13);
        expect(entry.estimatedWaitSeconds).to.be.within(12, 16); // one a second were admitted
      });

      it('refuses one more than may wait, and still serves those who do', async () => {
        await start({ admittedMax: 1, waitingMax: 2 });
        for (const user of ['a', 'b', 'c']) await queue.poll(user);
        const refusal = await queue.poll('d').catch((error: unknown) => error);
        expect(refusal).to.be.instanceOf(QueueFull);
        expect((await queue.poll('c')).ahead).to.equal(1);
        clock.ms += testSettings.claimMs;
        expect((await queue.poll('d')).processing, 'room, and nobody there').to.equal(true);
        clock.ms += 2 * testSettings.waitingMs;
        expect((await queue.poll('e')).processing).to.equal(true);
      });
    });

    describe('authorize', () => {
      it('knows the admitted, the waiting, the foreign and the unknown token', async () => {
        await start({ admittedMax: 1 });
        const a = (await queue.poll('a')).token;
        const b = (await queue.poll('b')).token;
        expect(await queue.authorize('a', a)).to.equal('admitted');
        expect(await queue.authorize('b', b)).to.equal('waiting');
        expect(await queue.authorize('a', b)).to.equal('not-yours');
        expect(await queue.authorize('b', a)).to.equal('not-yours');
        expect(await queue.authorize('nobody', a)).to.equal('not-yours');
        const forged = tokenOf('a', newSecret());
        for (const token of [forged, '', 'x', `${a}x`, 'é'.repeat(32), 'a.\0', a.slice(2)]) {
          expect(await queue.authorize('a', token)).to.equal('unknown');
        }
      });

      it('claims an admission and does not lengthen a claimed one', async () => {
        await start({ admittedMax: 1, claimMs: 5_000, admittedMs: 10_000 });
        const { token } = await queue.poll('a');
        clock.ms += 4_999;
        expect(await queue.authorize('a', token)).to.equal('admitted');
        clock.ms += 9_999;
        expect(await queue.authorize('a', token)).to.equal('admitted');
        clock.ms += 1;
        expect(await queue.authorize('a', token)).to.equal('unknown');
        expect(await queue.authorize('b', token)).to.equal('unknown');
      });

      it('does not claim with a foreign token', async () => {
        await start({ admittedMax: 2, claimMs: 5_000 });
        const a = (await queue.poll('a')).token;
        await queue.poll('b');
        clock.ms += 4_999;
        expect(await queue.authorize('b', a)).to.equal('not-yours');
        expect(await queue.authorize('a', tokenOf('a', newSecret()))).to.equal('unknown');
        clock.ms += 1;
        expect(await queue.authorize('a', a)).to.equal('waiting');
      });
    });

    describe('renew', () => {
      it('gives the place its full time, up to its longest life', async () => {
        await start({ admittedMax: 1, admittedMs: 10_000, placeMaxMs: 25_000 });
        const { token } = await queue.poll('a');
        for (const left of [10_000, 7_000]) {
          clock.ms += 9_000;
          expect(await queue.authorize('a', token)).to.equal('admitted');
          await queue.renew('a', 1_000);
          expect((await queue.poll('a')).expiresAt - clock.ms).to.equal(left);
        }
        clock.ms += 7_000;
        expect(await queue.authorize('a', token)).to.equal('unknown');
      });

      it('leaves the token known until the hold ends, to pay by', async () => {
        await start({ admittedMax: 1, admittedMs: 10_000 });
        const { token } = await queue.poll('a');
        await queue.renew('a', 60_000);
        await queue.shorten('a');
        clock.ms += testSettings.afterPaymentMs;
        expect((await queue.poll('b')).processing).to.equal(true);
        expect(await queue.authorize('a', token)).to.equal('holding');
        expect(await queue.authorize('b', token)).to.equal('not-yours');
        expect(await queue.authorize('a', tokenOf('a', newSecret()))).to.equal('unknown');
        const again = (await queue.poll('a')).token;
        expect(await queue.authorize('a', again)).to.equal('waiting');
        expect(await queue.authorize('a', token)).to.equal('holding');
        clock.ms += 60_000;
        expect(await queue.authorize('a', token)).to.equal('unknown');
      });

      it('does nothing to those who wait or are not there', async () => {
        await start({ admittedMax: 1 });
        await queue.poll('a');
        const before = await queue.poll('b');
        await queue.renew('b', 1_000);
        await queue.renew('nobody', 1_000);
        expect(await queue.poll('b')).to.deep.equal(before);
      });
    });

    describe('shorten', () => {
      it('leaves a place a short time, and another hold renews it in full', async () => {
        await start({ admittedMax: 1 });
        const { token } = await queue.poll('a');
        await queue.poll('b');
        await queue.shorten('a');
        clock.ms += testSettings.afterPaymentMs - 1;
        expect(await queue.authorize('a', token)).to.equal('admitted');
        await queue.renew('a', 1_000);
        clock.ms += testSettings.afterPaymentMs;
        expect((await queue.poll('b')).processing).to.equal(false);
        await queue.shorten('a');
        clock.ms += testSettings.afterPaymentMs;
        expect((await queue.poll('b')).processing).to.equal(true);
        expect(await queue.authorize('a', token)).to.equal('unknown');
      });

      it('never lengthens a place and revives none', async () => {
        await start({ admittedMax: 1, claimMs: 10_000, admittedMs: 10_000 });
        const { token } = await queue.poll('a');
        clock.ms += 8_000;
        await queue.shorten('a');
        clock.ms += 2_000;
        await queue.shorten('a');
        expect(await queue.authorize('a', token)).to.equal('unknown');
      });

      it('does nothing to those who wait or are not there', async () => {
        await start({ admittedMax: 1 });
        await queue.poll('a');
        const before = await queue.poll('b');
        await queue.shorten('b');
        await queue.shorten('nobody');
        clock.ms += 1_000;
        expect(await queue.poll('b')).to.deep.include({ ahead: 0, token: before.token });
      });
    });

    describe('steered', () => {
      const steered = (change: Partial<QueueControl>) => queue.steer({ ...notSteered, ...change });

      it('admits by the limit that was set last, and throws nobody out', async () => {
        await start({ admittedMax: 1 });
        for (const user of ['a', 'b', 'c', 'd']) await queue.poll(user);
        steered({ revision: 0, admittedMax: 3 });
        for (const user of ['b', 'c']) expect((await queue.poll(user)).processing).to.equal(true);
        expect((await queue.poll('d')).processing).to.equal(false);
        steered({ revision: 1, admittedMax: 1 });
        expect((await queue.poll('c')).processing, 'inside').to.equal(true);
        steered({ revision: 0, admittedMax: 50 });
        expect((await queue.poll('d')).processing, 'an old step').to.equal(false);
        expect(await queue.counts()).to.deep.equal({ waiting: 1, there: 1, admitted: 3 });
      });

      it('admits no more per minute than it is told, evenly', async () => {
        await start({ admittedMax: 1_000 });
        steered({ revision: 0, perMinute: 60 });
        for (let n = 0; n < 100; n += 1) await queue.poll(`u-${n}`);
        let admitted = 0;
        for (let second = 0; second < 30; second += 1) {
          for (let n = 0; n < 100; n += 1) await queue.poll(`u-${n}`);
          const now = (await queue.counts()).admitted;
          expect(now - admitted, `second ${second}`).to.equal(1);
          admitted = now;
          clock.ms += 1_000;
        }
      });

      it('admits nobody while paused, says why, and goes on in order', async () => {
        await start({ admittedMax: 1, claimMs: 1_000 });
        await queue.poll('a');
        await queue.poll('b');
        steered({ revision: 0, paused: true });
        clock.ms += 1_000;
        expect(await queue.poll('b')).to.deep.include({
          processing: false,
          estimatedWaitSeconds: null,
          estimateReason: 'paused',
        });
        await queue.poll('c');
        steered({ revision: 1 });
        expect((await queue.poll('c')).processing).to.equal(false);
        expect((await queue.poll('b')).processing).to.equal(true);
      });

      it('draining, refuses newcomers and serves the others', async () => {
        await start({ admittedMax: 1 });
        const { token } = await queue.poll('a');
        await queue.poll('b');
        steered({ revision: 0, draining: true });
        const refusal = await queue.poll('c').catch((error: unknown) => error);
        expect(refusal).to.be.instanceOf(QueueDraining);
        expect(await queue.authorize('a', token)).to.equal('admitted');
        expect((await queue.poll('b')).processing).to.equal(false);
      });

      it('cleared, has nobody in its line and keeps who is inside', async () => {
        await start({ admittedMax: 1 });
        const a = await queue.poll('a');
        const b = await queue.poll('b');
        steered({ revision: 0, clearedRevision: 0 });
        expect(await queue.authorize('a', a.token)).to.equal('admitted');
        expect(await queue.authorize('b', b.token)).to.equal('unknown');
        await queue.poll('c');
        expect(await queue.poll('b')).to.deep.include({ processing: false, ahead: 1 });
        steered({ revision: 1, clearedRevision: 0 });
        expect((await queue.poll('c')).ahead, 'once').to.equal(0);
      });
    });

    it('never admits more than admittedMax while 1,000 users poll in parallel', async () => {
      await start({ admittedMax: 30 });
      const users = Array.from({ length: 1_000 }, (_, n) => `u-${n}`);
      for (let round = 1; round <= 3; round += 1) {
        const places = await Promise.all(users.map((user) => queue.poll(user)));
        const admitted = places.filter((place) => place.processing);
        expect(admitted).to.have.lengthOf(30);
        const waiting = places.filter((place) => !place.processing);
        const ranks = new Set(waiting.map((place) => place.ahead));
        expect([...ranks].sort((a, b) => a - b)).to.deep.equal([...Array(970).keys()]);
      }
    });

    it('is reachable', async () => {
      await start();
      expect(await queue.reachable(1_000)).to.equal(true);
    });
  });
}
