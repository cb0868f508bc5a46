import { expect } from 'chai';
import { notSteered } from '../../../src/queue/queue-control.ts';
import { type OpenQueue, testSettings } from './times.ts';
import { underTest } from './under-test.ts';

/** When every waiting queue asks those who wait to poll again. */
export function pauseContract(name: string, open: OpenQueue | undefined): void {
  describe(`waiting queue, ${name}: when to poll again`, () => {
    const t = underTest(open);

    it('tells longer pauses further back, up to the longest', async () => {
      await t.start({ admittedMax: 1, pauseMaxMs: 4_000 });
      await t.queue.poll('a');
      const pauses: number[] = [];
      for (let n = 0; n < 180; n += 1) pauses.push((await t.queue.poll(`w-${n}`)).retryAfterMs);
      expect([0, 4, 5, 29, 59, 89, 119, 179].map((at) => pauses[at])).to.deep.equal([
        1_000, 1_000, 1_000, 1_000, 2_000, 3_000, 4_000, 4_000,
      ]);
    });

    it('asks as many to poll often as there are places, up to 40, where places end without notice', async () => {
      await t.start({ admittedMax: 10, afterPaymentMs: 100 });
      for (let n = 0; n < 10; n += 1) await t.queue.poll(`inside-${n}`);
      const pauses: number[] = [];
      for (let n = 0; n < 41; n += 1) pauses.push((await t.queue.poll(`w-${n}`)).retryAfterMs);
      expect([9, 10, 29].map((at) => pauses[at])).to.deep.equal([200, 1_000, 1_000]);
      t.queue.steer({ ...notSteered, revision: 0, admittedMax: 1_000, paused: true });
      const raised: number[] = [];
      for (let n = 0; n < 41; n += 1) raised.push((await t.queue.poll(`w-${n}`)).retryAfterMs);
      expect([0, 39, 40].map((at) => raised[at])).to.deep.equal([200, 200, 1_366]);
    });

    it('asks those who are invited to a place to poll once after its end is known, up to 700 places', async () => {
      await t.start({ admittedMax: 1_000, waitingMax: 2_000 });
      t.queue.steer({ ...notSteered, revision: 0, admittedMax: 1_000, paused: true });
      const pauses: number[] = [];
      for (let n = 0; n < 1_003; n += 1) pauses.push((await t.queue.poll(`w-${n}`)).retryAfterMs);
      expect([0, 29, 59, 95, 96, 1_001, 1_002].map((at) => pauses[at])).to.deep.equal([
        1_000, 1_000, 2_000, 3_200, 3_200, 3_200, 20_000,
      ]);
    });

    it('asks who is next to come when a place comes free, and some behind a moment later', async () => {
      await t.start({ admittedMax: 2, claimMs: 30_000 });
      for (const user of ['inside-1', 'inside-2']) await t.queue.poll(user);
      for (const user of ['a', 'b', 'c', 'd', 'e']) await t.queue.poll(user);
      const pauses = async () => {
        const told: number[] = [];
        for (const user of ['a', 'b', 'c', 'd', 'e']) {
          told.push((await t.queue.poll(user)).retryAfterMs);
        }
        return told;
      };
      await t.queue.shorten('inside-1');
      t.clock.ms += testSettings.afterPaymentMs - 600;
      expect(await pauses(), 'one place, known before it is free').to.deep.equal([
        600, 850, 850, 850, 1_000,
      ]);
      await t.queue.shorten('inside-2');
      t.clock.ms += 590;
      expect(await pauses(), 'never at once').to.deep.equal([200, 260, 260, 260, 1_000]);
      t.clock.ms += 10;
      expect((await t.queue.poll('b')).retryAfterMs, 'a free place, for a').to.equal(200);
      expect((await t.queue.poll('a')).processing).to.equal(true);
      expect((await t.queue.poll('b')).retryAfterMs, 'the next is far away').to.equal(1_000);
      t.clock.ms += 4_000;
      expect((await t.queue.poll('b')).retryAfterMs).to.equal(400);
    });

    it('asks who is next to come when the limit per minute allows one more', async () => {
      await t.start({ admittedMax: 100 });
      t.queue.steer({ ...notSteered, revision: 0, perMinute: 60 });
      expect((await t.queue.poll('first')).processing).to.equal(true);
      t.clock.ms += 300;
      expect((await t.queue.poll('a')).retryAfterMs).to.equal(700);
      expect((await t.queue.poll('b')).retryAfterMs).to.equal(950);
      t.queue.steer({ ...notSteered, revision: 1, perMinute: 60, paused: true });
      expect((await t.queue.poll('a')).retryAfterMs, 'nobody knows').to.equal(1_000);
    });
  });
}
