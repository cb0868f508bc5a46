import { expect } from 'chai';
import { notSteered, type QueueControl } from '../../../src/queue/queue-control.ts';
import { QueueDraining } from '../../../src/queue/waiting-queue.ts';
import type { OpenQueue } from './times.ts';
import { underTest } from './under-test.ts';

/** How every waiting queue is steered. */
export function steeringContract(name: string, open: OpenQueue | undefined): void {
  describe(`waiting queue, ${name}`, () => {
    const t = underTest(open);

    describe('steered', () => {
      const steered = (change: Partial<QueueControl>) =>
        t.queue.steer({ ...notSteered, ...change });

      it('admits by the limit that was set last, and throws nobody out', async () => {
        await t.start({ admittedMax: 1 });
        for (const user of ['a', 'b', 'c', 'd']) await t.queue.poll(user);
        steered({ revision: 0, admittedMax: 3 });
        for (const user of ['b', 'c']) expect((await t.queue.poll(user)).processing).to.equal(true);
        expect((await t.queue.poll('d')).processing).to.equal(false);
        steered({ revision: 1, admittedMax: 1 });
        expect((await t.queue.poll('c')).processing, 'inside').to.equal(true);
        steered({ revision: 0, admittedMax: 50 });
        expect((await t.queue.poll('d')).processing, 'an old step').to.equal(false);
        expect(await t.queue.counts()).to.deep.equal({ waiting: 1, there: 1, admitted: 3 });
      });

      it('admits no more per minute than it is told, evenly', async () => {
        await t.start({ admittedMax: 1_000 });
        steered({ revision: 0, perMinute: 60 });
        for (let n = 0; n < 100; n += 1) await t.queue.poll(`u-${n}`);
        let admitted = 0;
        for (let second = 0; second < 30; second += 1) {
          for (let n = 0; n < 100; n += 1) await t.queue.poll(`u-${n}`);
          const now = (await t.queue.counts()).admitted;
          expect(now - admitted, `second ${second}`).to.equal(1);
          admitted = now;
          t.clock.ms += 1_000;
        }
      });

      it('admits nobody while paused, says why, and goes on in order', async () => {
        await t.start({ admittedMax: 1, claimMs: 1_000 });
        await t.queue.poll('a');
        await t.queue.poll('b');
        steered({ revision: 0, paused: true });
        t.clock.ms += 1_000;
        expect(await t.queue.poll('b')).to.deep.include({
          processing: false,
          estimatedWaitSeconds: null,
          estimateReason: 'paused',
        });
        await t.queue.poll('c');
        steered({ revision: 1 });
        expect((await t.queue.poll('c')).processing).to.equal(false);
        expect((await t.queue.poll('b')).processing).to.equal(true);
      });

      it('draining, refuses newcomers and serves the others', async () => {
        await t.start({ admittedMax: 1 });
        const { token } = await t.queue.poll('a');
        await t.queue.poll('b');
        steered({ revision: 0, draining: true });
        const refusal = await t.queue.poll('c').catch((error: unknown) => error);
        expect(refusal).to.be.instanceOf(QueueDraining);
        expect(await t.queue.authorize('a', token)).to.equal('admitted');
        expect((await t.queue.poll('b')).processing).to.equal(false);
      });

      it('cleared, has nobody in its line and keeps who is inside', async () => {
        await t.start({ admittedMax: 1 });
        steered({});
        const a = await t.queue.poll('a');
        const b = await t.queue.poll('b');
        steered({ revision: 0, clearedRevision: 0 });
        expect(await t.queue.authorize('a', a.token)).to.equal('admitted');
        expect(await t.queue.authorize('b', b.token)).to.equal('unknown');
        await t.queue.poll('c');
        expect(await t.queue.poll('b')).to.deep.include({ processing: false, ahead: 1 });
        steered({ revision: 1, clearedRevision: 0 });
        expect((await t.queue.poll('c')).ahead, 'once').to.equal(0);
      });
    });
  });
}
