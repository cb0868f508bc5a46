import { expect } from 'chai';
import { newSecret, tokenOf } from '../../../src/queue/token.ts';
import { type OpenQueue, testSettings } from './times.ts';
import { underTest } from './under-test.ts';

/** What becomes of tokens and admitted places, in every waiting queue. */
export function placeContract(name: string, open: OpenQueue | undefined): void {
  describe(`waiting queue, ${name}: tokens and places`, () => {
    const t = underTest(open);

    describe('authorize', () => {
      it('knows the admitted, the waiting, the foreign and the unknown token', async () => {
        await t.start({ admittedMax: 1 });
        const a = (await t.queue.poll('a')).token;
        const b = (await t.queue.poll('b')).token;
        expect(await t.queue.authorize('a', a)).to.equal('admitted');
        expect(await t.queue.authorize('b', b)).to.equal('waiting');
        expect(await t.queue.authorize('a', b)).to.equal('not-yours');
        expect(await t.queue.authorize('b', a)).to.equal('not-yours');
        expect(await t.queue.authorize('nobody', a)).to.equal('not-yours');
        const forged = tokenOf('a', newSecret());
        for (const token of [forged, '', 'x', `${a}x`, 'é'.repeat(32), 'a.\0', a.slice(2)]) {
          expect(await t.queue.authorize('a', token)).to.equal('unknown');
        }
      });

      it('claims an admission and does not lengthen a claimed one', async () => {
        await t.start({ admittedMax: 1, claimMs: 5_000, admittedMs: 10_000 });
        const { token } = await t.queue.poll('a');
        t.clock.ms += 4_999;
        expect(await t.queue.authorize('a', token)).to.equal('admitted');
        t.clock.ms += 9_999;
        expect(await t.queue.authorize('a', token)).to.equal('admitted');
        t.clock.ms += 1;
        expect(await t.queue.authorize('a', token)).to.equal('unknown');
        expect(await t.queue.authorize('b', token)).to.equal('unknown');
      });

      it('does not claim with a foreign token', async () => {
        await t.start({ admittedMax: 2, claimMs: 5_000 });
        const a = (await t.queue.poll('a')).token;
        await t.queue.poll('b');
        t.clock.ms += 4_999;
        expect(await t.queue.authorize('b', a)).to.equal('not-yours');
        expect(await t.queue.authorize('a', tokenOf('a', newSecret()))).to.equal('unknown');
        t.clock.ms += 1;
        expect(await t.queue.authorize('a', a)).to.equal('waiting');
      });
    });

    describe('renew', () => {
      it('gives the place its full time, up to its longest life', async () => {
        await t.start({ admittedMax: 1, admittedMs: 10_000, placeMaxMs: 25_000 });
        const { token } = await t.queue.poll('a');
        for (const left of [10_000, 7_000]) {
          t.clock.ms += 9_000;
          expect(await t.queue.authorize('a', token)).to.equal('admitted');
          await t.queue.renew('a', 1_000);
          expect((await t.queue.poll('a')).expiresAt - t.clock.ms).to.equal(left);
        }
        t.clock.ms += 7_000;
        expect(await t.queue.authorize('a', token)).to.equal('unknown');
      });

      it('leaves the token known until the hold ends, to pay by', async () => {
        await t.start({ admittedMax: 1, admittedMs: 10_000 });
        const { token } = await t.queue.poll('a');
        await t.queue.renew('a', 60_000);
        await t.queue.shorten('a');
        t.clock.ms += testSettings.afterPaymentMs;
        expect((await t.queue.poll('b')).processing).to.equal(true);
        expect(await t.queue.authorize('a', token)).to.equal('holding');
        expect(await t.queue.authorize('b', token)).to.equal('not-yours');
        expect(await t.queue.authorize('a', tokenOf('a', newSecret()))).to.equal('unknown');
        const again = (await t.queue.poll('a')).token;
        expect(await t.queue.authorize('a', again)).to.equal('waiting');
        expect(await t.queue.authorize('a', token)).to.equal('holding');
        t.clock.ms += 60_000;
        expect(await t.queue.authorize('a', token)).to.equal('unknown');
      });

      it('does nothing to those who wait or are not there', async () => {
        await t.start({ admittedMax: 1 });
        await t.queue.poll('a');
        const before = await t.queue.poll('b');
        await t.queue.renew('b', 1_000);
        await t.queue.renew('nobody', 1_000);
        expect(await t.queue.poll('b')).to.deep.equal(before);
      });
    });

    describe('shorten', () => {
      it('leaves a place a short time, and another hold renews it in full', async () => {
        await t.start({ admittedMax: 1 });
        const { token } = await t.queue.poll('a');
        await t.queue.poll('b');
        await t.queue.shorten('a');
        t.clock.ms += testSettings.afterPaymentMs - 1;
        expect(await t.queue.authorize('a', token)).to.equal('admitted');
        await t.queue.renew('a', 1_000);
        t.clock.ms += testSettings.afterPaymentMs;
        expect((await t.queue.poll('b')).processing).to.equal(false);
        await t.queue.shorten('a');
        t.clock.ms += testSettings.afterPaymentMs;
        expect((await t.queue.poll('b')).processing).to.equal(true);
        expect(await t.queue.authorize('a', token)).to.equal('unknown');
      });

      it('never lengthens a place and revives none', async () => {
        await t.start({ admittedMax: 1, claimMs: 10_000, admittedMs: 10_000 });
        const { token } = await t.queue.poll('a');
        t.clock.ms += 8_000;
        await t.queue.shorten('a');
        t.clock.ms += 2_000;
        await t.queue.shorten('a');
        expect(await t.queue.authorize('a', token)).to.equal('unknown');
      });

      it('does nothing to those who wait or are not there', async () => {
        await t.start({ admittedMax: 1 });
        await t.queue.poll('a');
        const before = await t.queue.poll('b');
        await t.queue.shorten('b');
        await t.queue.shorten('nobody');
        t.clock.ms += 1_000;
        expect(await t.queue.poll('b')).to.deep.include({ ahead: 0, token: before.token });
      });
    });
  });
}
