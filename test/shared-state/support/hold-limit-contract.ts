import { expect } from 'chai';
import {
  claimsMax,
  type HoldLimit,
  type SeatClaim,
} from '../../../src/commands/hold-limit/hold-limit.ts';
import { eachLimited } from '../../../src/support/concurrency.ts';
import { TestClock } from '../../queue/support/times.ts';
import { heldMax, holder, holdMs, type OpenHoldLimit, seats } from './hold-limit-setting.ts';

/** What every limit of held seats does. Undefined `open`: skipped. */
export function holdLimitContract(name: string, open: OpenHoldLimit | undefined): void {
  describe(`limit of held seats, ${name}`, () => {
    const clock = new TestClock();
    let opened: Awaited<ReturnType<OpenHoldLimit>> | undefined;
    let limit: HoldLimit;
    let claims = 0;

    beforeEach(async function () {
      if (open === undefined) return this.skip();
      opened = await open(heldMax, clock.now);
      limit = opened.limit;
    });
    afterEach(() => opened?.close());

    const claim = (seatIds: string[], untilMs = clock.ms + holdMs): SeatClaim => {
      claims += 1;
      return { id: `claim-${claims}`, seatIds, untilMs };
    };
    const take = (seatIds: string[], who = holder) => limit.take(who, claim(seatIds));

    it('counts seats up to the limit, and leaves everything as it was when it says no', async () => {
      expect(await take(seats(1, 2, 3))).to.equal(true);
      expect(await take(seats(4, 5))).to.include({ rule: 'session', max: heldMax });
      expect(await take(seats(5))).to.equal(true);
      expect(await take(seats(4))).to.include({ rule: 'session', max: heldMax });
    });

    it('never exceeds the limit with 50 at once', async () => {
      const taken = await Promise.all(Array.from({ length: 50 }, (_, n) => take(seats(n))));
      expect(taken.filter((counts) => counts === true)).to.have.lengthOf(heldMax);
    });

    it('counts each buyer and each session by itself', async () => {
      expect(await take(seats(1, 2, 3, 4))).to.equal(true);
      expect(await take(seats(5), { ...holder, userId: 'v' })).to.equal(true);
      expect(await take(seats(5), { ...holder, sessionId: 't' })).to.equal(true);
      expect(await take(seats(5))).to.include({ rule: 'session', max: heldMax });
    });

    it('counts the same claim, and a seat that counts already, once', async () => {
      const first = claim(seats(1, 2));
      for (let n = 0; n < 3; n++) expect(await limit.take(holder, first)).to.equal(true);
      expect(await take(seats(2, 3, 4))).to.equal(true);
      expect(await limit.take(holder, first)).to.equal(true);
      expect(await take(seats(5))).to.include({ rule: 'session', max: heldMax });
    });

    it('counts a seat until its claim ends, to the millisecond', async () => {
      expect(await limit.take(holder, claim(seats(1, 2, 3, 4), clock.ms + 60_000))).to.equal(true);
      clock.ms += 59_999;
      expect(await take(seats(5))).to.include({ rule: 'session', max: heldMax });
      clock.ms += 1;
      expect(await take(seats(5))).to.equal(true);
    });

    // One request of a buyer took 1 and 2; another wants 2 and 3, is refused 3 and gives back what
    // it asked for.
    for (const order of ['before', 'after']) {
      it(`still counts a seat on which a claim was withdrawn that came ${order} the one that got it`, async () => {
        const [got, vain] = [claim(seats(1, 2)), claim(seats(2, 3))];
        const both = order === 'before' ? [vain, got] : [got, vain];
        for (const each of both) expect(await limit.take(holder, each)).to.equal(true);
        await limit.withdraw(holder, vain);
        expect(await take(seats(4, 5)), 'two more').to.equal(true);
        expect(await take(seats(6)), 'a fifth').to.include({ rule: 'session', max: heldMax });
      });
    }

    it('ends the claims of one reservation, and of its seats only', async () => {
      const paid = claim(seats(1, 2));
      expect(await limit.take(holder, paid)).to.equal(true);
      clock.ms += 1;
      const next = claim(seats(2, 3, 4));
      expect(await limit.take(holder, next)).to.equal(true);
      await limit.end(holder, seats(1, 2), paid.untilMs, 'paid');
      expect(await take(seats(5)), 'seat 1 made room').to.equal(true);
      expect(await take(seats(6)), 'seat 2 is counted by another claim').to.include({
        rule: 'session',
        max: heldMax,
      });
      await limit.end(holder, seats(3), next.untilMs, 'given-back');
      expect(await take(seats(6)), 'seat 3 made room').to.equal(true);
      expect(await take(seats(7))).to.include({ rule: 'session', max: heldMax });
    });

    it('knows nothing of what was never taken', async () => {
      await limit.withdraw(holder, claim(seats(1)));
      await limit.end(holder, seats(1), clock.ms, 'paid');
      expect(await take(seats(1, 2, 3, 4))).to.equal(true);
    });

    it(`refuses more than ${claimsMax} claims on seats, however few the seats are`, async () => {
      const half = Array.from({ length: claimsMax / 2 }, () => claim(seats(1, 2)));
      // Not all at once: a busy machine's Redis would not answer the last ones in time.
      await eachLimited(half, 50, async (each) => {
        expect(await limit.take(holder, each)).to.equal(true);
      });
      expect(await take(seats(1))).to.include({ rule: 'session', max: heldMax });
      await limit.withdraw(holder, half[0] as SeatClaim);
      expect(await take(seats(1))).to.equal(true);
    });
  });
}
