import { expect } from 'chai';
import { endsMax } from '../../../src/queue/place.ts';
import { newToken } from '../../../src/queue/token.ts';
import {
  QueueFull,
  type QueueSettings,
  type WaitingQueue,
} from '../../../src/queue/waiting-queue.ts';
import { type OpenQueue, TestClock, testSettings } from './times.ts';

/** What every waiting queue must do. `open` is undefined where there is nothing to run it on: then it is skipped. */
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

    describe('poll', () => {
      it('admits at once while there is room', async () => {
        await start();
        const place = await queue.poll('a');
        expect(place).to.deep.include({ userId: 'a', processing: true, ahead: 0, position: 0 });
        expect(place).to.deep.include({ estimatedWaitSeconds: 0, retryAfterMs: 0 });
        expect(place.expiresAt).to.equal(clock.ms + testSettings.admittedMs);
        expect(place.token).to.match(/^[A-Za-z0-9_-]{32}$/);
      });

      it('lines up the others in the order in which they came', async () => {
        await start();
        for (const user of ['a', 'b']) expect((await queue.poll(user)).processing).to.equal(true);
        for (const [ahead, user] of ['c', 'd', 'e'].entries()) {
          const place = await queue.poll(user);
          expect(place).to.deep.include({ processing: false, ahead, position: ahead + 1 });
          expect(place.expiresAt).to.equal(clock.ms + testSettings.waitingMs);
          expect(place.retryAfterMs).to.be.within(1_000, 10_000);
          expect(place.estimatedWaitSeconds).to.be.greaterThan(0);
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
        await start({ admittedMax: 1, admittedMs: 10_000 });
        await queue.poll('a');
        const { token } = await queue.poll('b');
        clock.ms += 10_000;
        expect(await queue.poll('b')).to.deep.include({ processing: true, token });
      });

      it('makes room when an admitted place was not used for its time', async () => {
        await start({ admittedMax: 1, admittedMs: 10_000 });
        await queue.poll('a');
        await queue.poll('b');
        clock.ms += 9_999;
        expect((await queue.poll('b')).processing).to.equal(false);
        clock.ms += 1;
        expect((await queue.poll('b')).processing).to.equal(true);
        expect((await queue.poll('a')).processing).to.equal(false);
      });

      it('renews an admitted place each time', async () => {
        await start({ admittedMax: 1, admittedMs: 10_000, polledMs: 60_000 });
        const { token } = await queue.poll('a');
        for (let times = 0; times < 5; times += 1) {
          clock.ms += 9_999;
          expect(await queue.poll('a')).to.deep.include({ processing: true, token });
        }
      });

      it('lets a place that is polled and never used end after its time: a forgotten page', async () => {
        await start({ admittedMax: 1, admittedMs: 10_000, polledMs: 25_000 });
        const admittedAt = clock.ms;
        await queue.poll('forgotten');
        await queue.poll('b');
        for (const left of [10_000, 7_000]) {
          clock.ms += 9_000;
          const { processing, expiresAt } = await queue.poll('forgotten');
          expect({ processing, left: expiresAt - clock.ms }).to.deep.equal({
            processing: true,
            left,
          });
          expect((await queue.poll('b')).processing).to.equal(false);
        }
        clock.ms = admittedAt + 25_000;
        expect((await queue.poll('b')).processing).to.equal(true);
        expect((await queue.poll('forgotten')).processing).to.equal(false);
      });

      it('keeps the place of a buyer who uses it, however long that takes', async () => {
        await start({ admittedMax: 1, admittedMs: 10_000, polledMs: 25_000 });
        const { token } = await queue.poll('a');
        for (let times = 0; times < 20; times += 1) {
          clock.ms += 9_999;
          const place = await queue.poll('a');
          expect(place).to.deep.include({ processing: true, token });
          clock.ms += 9_999;
          expect(await queue.authorize('a', token)).to.equal('admitted');
        }
        await queue.shorten('a');
        expect((await queue.poll('a')).expiresAt, 'paying ends no visit').to.equal(
          clock.ms + 10_000,
        );
      });

      it('sends who stopped polling to the back, with a new token', async () => {
        await start({ admittedMax: 1 });
        await queue.poll('a');
        const { token } = await queue.poll('b');
        clock.ms += testSettings.waitingMs / 2;
        await queue.poll('c');
        clock.ms += testSettings.waitingMs / 2;
        const again = await queue.poll('b');
        expect(again).to.deep.include({ processing: false, ahead: 1 });
        expect(again.token).not.to.equal(token);
        expect(await queue.authorize('b', token)).to.equal('unknown');
      });

      it('admits in the order of the line, whoever polls', async () => {
        await start({ admittedMax: 1, admittedMs: 10_000 });
        for (const user of ['a', 'b', 'c']) await queue.poll(user);
        clock.ms += 10_000;
        expect(await queue.poll('c')).to.deep.include({ processing: false, ahead: 0 });
        expect((await queue.poll('b')).processing).to.equal(true);
      });

      it('gives who is admitted while away only what was left of the wait', async () => {
        await start({ admittedMax: 1, admittedMs: 100_000, waitingMs: 60_000 });
        await queue.poll('a');
        clock.ms += 50_000;
        await queue.poll('b');
        await queue.poll('c');
        clock.ms += 50_000;
        expect((await queue.poll('c')).processing).to.equal(false); // a ended, b took the place
        clock.ms += 9_999;
        expect((await queue.poll('c')).processing).to.equal(false);
        clock.ms += 1;
        expect((await queue.poll('c')).processing).to.equal(true); // b never came
      });

      it('does not let the dead at the front hold up the living', async () => {
        await start({ admittedMax: 1, admittedMs: 70_000, waitingMax: 10 * endsMax });
        await queue.poll('a');
        for (let n = 0; n < 3 * endsMax; n += 1) await queue.poll(`dead-${n}`);
        clock.ms += 30_000;
        await queue.poll('living');
        clock.ms += 40_000;
        let polls = 1;
        while (!(await queue.poll('living')).processing) polls += 1;
        expect(polls).to.be.at.most(2); // sweeping and admitting each end up to `endsMax` a poll
      });

      it('tells longer pauses further back, and never one that outlasts the place', async () => {
        await start({ admittedMax: 1, waitingMs: 8_000 });
        await queue.poll('a');
        const pauses = [];
        for (let n = 0; n < 12; n += 1) pauses.push((await queue.poll(`w-${n}`)).retryAfterMs);
        expect(pauses.slice(0, 5)).to.deep.equal([1_000, 2_000, 3_000, 4_000, 4_000]);
        expect(Math.max(...pauses)).to.equal(4_000);
      });

      it('estimates the wait from recent admissions', async () => {
        await start({ admittedMax: 1, admittedMs: 1_000 });
        for (let n = 0; n < 60; n += 1) await queue.poll(`u-${n}`);
        for (let second = 1; second <= 45; second += 1) {
          clock.ms += 1_000;
          for (let n = second; n < 60; n += 1) await queue.poll(`u-${n}`);
        }
        const place = await queue.poll('u-59');
        expect(place.ahead).to.equal(13);
        expect(place.estimatedWaitSeconds).to.be.within(12, 16); // one a second were admitted
      });

      it('refuses one more than may wait, and still serves those who do', async () => {
        await start({ admittedMax: 1, waitingMax: 2 });
        for (const user of ['a', 'b', 'c']) await queue.poll(user);
        const refusal = await queue.poll('d').catch((error: unknown) => error);
        expect(refusal).to.be.instanceOf(QueueFull);
        expect((await queue.poll('c')).ahead).to.equal(1);
        clock.ms += testSettings.waitingMs;
        expect((await queue.poll('d')).ahead).to.equal(0);
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
        for (const token of [newToken(), '', 'x', `${a}x`, 'é'.repeat(32), '\0'.repeat(32)]) {
          expect(await queue.authorize('a', token)).to.equal('unknown');
        }
      });

      it('renews an admitted place', async () => {
        await start({ admittedMax: 1, admittedMs: 10_000 });
        const { token } = await queue.poll('a');
        for (let times = 0; times < 5; times += 1) {
          clock.ms += 9_999;
          expect(await queue.authorize('a', token)).to.equal('admitted');
        }
        clock.ms += 10_000;
        expect(await queue.authorize('a', token)).to.equal('unknown');
        expect(await queue.authorize('b', token)).to.equal('unknown');
      });

      it('does not renew with a foreign token', async () => {
        await start({ admittedMax: 2, admittedMs: 10_000 });
        const a = (await queue.poll('a')).token;
        await queue.poll('b');
        clock.ms += 9_999;
        expect(await queue.authorize('b', a)).to.equal('not-yours');
        expect(await queue.authorize('a', newToken())).to.equal('unknown');
        clock.ms += 1;
        expect(await queue.authorize('a', a)).to.equal('unknown');
      });

      it('gives the place its full time once an away user comes', async () => {
        await start({ admittedMax: 1, admittedMs: 30_000, waitingMs: 60_000 });
        await queue.poll('a');
        const { token } = await queue.poll('b');
        clock.ms += 30_000;
        await queue.poll('c');
        expect(await queue.authorize('b', token)).to.equal('admitted');
        clock.ms += 29_999;
        expect(await queue.authorize('b', token)).to.equal('admitted');
      });
    });

    describe('shorten', () => {
      it('leaves a place a short time, and any further call renews it in full', async () => {
        await start({ admittedMax: 1 });
        const { token } = await queue.poll('a');
        await queue.poll('b');
        await queue.shorten('a');
        clock.ms += testSettings.afterPaymentMs - 1;
        expect(await queue.authorize('a', token)).to.equal('admitted');
        clock.ms += testSettings.afterPaymentMs;
        expect((await queue.poll('b')).processing).to.equal(false);
        await queue.shorten('a');
        clock.ms += testSettings.afterPaymentMs;
        expect((await queue.poll('b')).processing).to.equal(true);
        expect(await queue.authorize('a', token)).to.equal('unknown');
      });

      it('never lengthens a place and revives none', async () => {
        await start({ admittedMax: 1, admittedMs: 10_000, afterPaymentMs: 5_000 });
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
        clock.ms += testSettings.afterPaymentMs;
        expect(await queue.poll('b')).to.deep.include({ ahead: 0, token: before.token });
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
