import { expect } from 'chai';
import {
  type FairUse,
  type HoldLimit,
  payingMs,
  type SeatClaim,
  soldKeptMs,
} from '../../../src/commands/hold-limit/hold-limit.ts';
import { TestClock } from '../../queue/support/times.ts';
import { heldMax, holder, holdMs, type OpenHoldLimit, seats } from './hold-limit-setting.ts';

/** What every limit of held seats does for fair use. Undefined `open`: skipped. */
export function fairUseContract(name: string, open: OpenHoldLimit | undefined): void {
  describe(`fair use, ${name}`, () => {
    const clock = new TestClock();
    let closes: (() => Promise<void>)[] = [];
    let claims = 0;

    beforeEach(function () {
      if (open === undefined) return this.skip();
      closes = [];
    });
    afterEach(() => Promise.all(closes.map((close) => close())));

    const limitOf = async (only: Partial<FairUse>): Promise<HoldLimit> => {
      const opened = await (open as OpenHoldLimit)({ heldMax, ...only }, clock.now);
      closes.push(opened.close);
      return opened.limit;
    };
    const claim = (seatIds: string[]): SeatClaim => {
      claims += 1;
      return { id: `fair-${claims}`, seatIds, untilMs: clock.ms + holdMs };
    };
    const inSession = (sessionId: string) => ({ ...holder, sessionId });

    it('counts the seats of all sessions together, and says when there is room', async () => {
      const limit = await limitOf({ heldTotalMax: 6 });
      expect(await limit.take(inSession('s'), claim(seats(1, 2, 3)))).to.equal(true);
      clock.ms += 60_000;
      expect(await limit.take(inSession('t'), claim(seats(1, 2, 3)))).to.equal(true);
      const one = { rule: 'total', max: 6, retryMs: holdMs - 60_000 };
      expect(await limit.take(inSession('r'), claim(seats(1)))).to.deep.equal(one);
      const four = { ...one, retryMs: holdMs };
      expect(await limit.take(inSession('r'), claim(seats(1, 2, 3, 4)))).to.deep.equal(four);
      expect(await limit.take({ ...inSession('r'), userId: 'v' }, claim(seats(1)))).to.equal(true);
      clock.ms += holdMs - 60_000;
      expect(await limit.take(inSession('r'), claim(seats(1, 2, 3)))).to.equal(true);
    });

    it('says when a session has room for more seats, and that it never has for too many at once', async () => {
      const limit = await limitOf({});
      expect(await limit.take(holder, claim(seats(1, 2, 3)))).to.equal(true);
      const two = { rule: 'session', max: heldMax, retryMs: holdMs };
      expect(await limit.take(holder, claim(seats(4, 5)))).to.deep.equal(two);
      const never = { ...two, retryMs: undefined };
      expect(await limit.take(holder, claim(seats(4, 5, 6, 7, 8)))).to.deep.equal(never);
    });

    it('gives a seat that was let lapse to its last holder after a pause only, to others at once', async () => {
      const limit = await limitOf({ holdMs, againMs: 60_000 });
      expect(await limit.take(holder, claim(seats(1)))).to.equal(true);
      clock.ms += holdMs;
      const again = { rule: 'again', max: 60_000, retryMs: 60_000, seatId: 'A-1-1' };
      expect(await limit.take(holder, claim(seats(1, 2)))).to.deep.equal(again);
      expect(await limit.take(holder, claim(seats(2, 3, 4, 5))), 'others').to.equal(true);
      expect(await limit.take(inSession('t'), claim(seats(1)))).to.equal(true);
      expect(await limit.take({ ...holder, userId: 'v' }, claim(seats(1)))).to.equal(true);
      clock.ms += 59_999;
      const last = { ...again, retryMs: 1 };
      expect(await limit.take(holder, claim(seats(1)))).to.deep.equal(last);
      clock.ms += 1;
      expect(await (await limitOf({})).take(holder, claim(seats(1)))).to.equal(true);
      expect(await limit.take(holder, claim(seats(1)))).to.include({ rule: 'session' });
    });

    it('counts holds that were given back and taken again as one', async () => {
      const limit = await limitOf({ holdMs, againMs: 60_000 });
      let held = claim(seats(1));
      expect(await limit.take(holder, held)).to.equal(true);
      for (const minute of [1, 2, 3, 4]) {
        clock.ms += 60_000;
        await limit.end(holder, held.seatIds, held.untilMs, 'given-back');
        held = claim(seats(1));
        expect(await limit.take(holder, held), `after ${minute} min`).to.equal(true);
      }
      clock.ms += 60_000;
      await limit.end(holder, held.seatIds, held.untilMs, 'given-back');
      const again = { rule: 'again', max: 60_000, retryMs: 60_000, seatId: 'A-1-1' };
      expect(await limit.take(holder, claim(seats(1)))).to.deep.equal(again);
      clock.ms += 60_000;
      expect(await limit.take(holder, claim(seats(1)))).to.equal(true);
    });

    it('has no pause after a hold that was given back early, came to nothing, or is still held', async () => {
      const limit = await limitOf({ holdMs, againMs: 60_000 });
      const early = claim(seats(1));
      expect(await limit.take(holder, early)).to.equal(true);
      clock.ms += 1_000;
      await limit.end(holder, early.seatIds, early.untilMs, 'given-back');
      expect(await limit.take(holder, claim(seats(1)))).to.equal(true);
      const vain = claim(seats(2));
      expect(await limit.take(holder, vain)).to.equal(true);
      await limit.end(holder, vain.seatIds, vain.untilMs, 'never');
      clock.ms += holdMs - 1;
      expect(await limit.take(holder, claim(seats(2)))).to.equal(true);
      clock.ms += 1;
      expect(await limit.take(holder, claim(seats(2))), 'another request').to.equal(true);
    });

    it('counts what is held and what was bought together, a seat once', async () => {
      const limit = await limitOf({ boughtMax: 3 });
      const first = claim(seats(1, 2));
      expect(await limit.take(holder, first)).to.equal(true);
      expect(await limit.take(holder, claim(seats(3)), seats(9))).to.deep.equal({
        rule: 'bought',
        max: 3,
        retryMs: holdMs,
      });
      expect(await limit.take(inSession('t'), claim(seats(3)), [])).to.equal(true);
      await limit.end(holder, first.seatIds, first.untilMs, 'paid');
      // The read models do not show it yet; when they do it is one seat all the same.
      for (const bought of [[], seats(1), seats(1, 2)]) {
        const two = await limit.take(holder, claim(seats(3, 4)), bought);
        expect(two).to.deep.equal({ rule: 'bought', max: 3, retryMs: undefined });
      }
      clock.ms += soldKeptMs;
      expect(await limit.take(holder, claim(seats(3)), seats(1, 2))).to.equal(true);
      await limit.end(holder, first.seatIds, first.untilMs, 'given-back');
      expect(await limit.take(holder, claim(seats(4, 5)), [])).to.equal(true);
    });

    it('counts a hold whose time is over for a moment as bought: its payment may be under way', async () => {
      const limit = await limitOf({ boughtMax: 2 });
      expect(await limit.take(holder, claim(seats(1)))).to.equal(true);
      clock.ms += holdMs + payingMs - 1;
      expect(await limit.take(holder, claim(seats(2, 3)))).to.include({ rule: 'bought' });
      clock.ms += 1;
      expect(await limit.take(holder, claim(seats(2, 3)))).to.equal(true);
    });

    it('never exceeds a rule with 50 at once', async () => {
      const limit = await limitOf({ heldMax: 20, heldTotalMax: 10, boughtMax: 7 });
      const takes = Array.from({ length: 50 }, (_, n) =>
        limit.take(inSession(n % 2 === 0 ? 's' : 't'), claim(seats(n)), seats(99)),
      );
      const taken = (await Promise.all(takes)).filter((counts) => counts === true);
      expect(taken).to.have.lengthOf(10);
    });
  });
}
