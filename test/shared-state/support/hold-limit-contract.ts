import { expect } from 'chai';
import fc from 'fast-check';
import {
  claimsMax,
  type FairUse,
  type HoldLimit,
  type HowEnded,
  payingMs,
  type SeatClaim,
  soldKeptMs,
} from '../../../src/commands/hold-limit/hold-limit.ts';
import { eachLimited } from '../../../src/support/concurrency.ts';
import { TestClock } from '../../queue/support/times.ts';
import { HoldLimitModel } from './hold-limit-model.ts';

/** A limit of its own that counts nothing yet. */
export type OpenHoldLimit = (
  rules: FairUse | number,
  now: () => number,
) => Promise<{ limit: HoldLimit; close(): Promise<void> }>;

const heldMax = 4;
const holdMs = 300_000;
const holder = { userId: 'u', sessionId: 's' };
const seats = (...numbers: number[]): string[] => numbers.map((n) => `A-1-${n}`);

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

/** All rules at once. */
const rules = {
  heldMax,
  heldTotalMax: 6,
  boughtMax: 5,
  holdMs,
  againMs: 120_000,
} as const satisfies FairUse;

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

type Step =
  | { kind: 'take'; sessionId: string; seatIds: string[]; bought: string[] }
  /** The claim that was made `nth` (modulo how many were). */
  | { kind: 'again' | 'withdraw'; nth: number }
  | { kind: 'end'; nth: number; seatIds: string[]; how: HowEnded }
  | { kind: 'pass'; ms: number };

const seatIds = fc.uniqueArray(fc.constantFrom(...seats(1, 2, 3, 4, 5, 6)), {
  minLength: 1,
  maxLength: 3,
});
const nth = fc.nat(20);
/**
 * Redis removes a key by its own clock, which goes on while the test's stands still: so nothing is
 * short.
 */
const minutes = (max: number) => fc.integer({ min: 1, max }).map((n) => n * 60_000);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      sessionId: fc.constantFrom('s', 's', 't'),
      seatIds,
      bought: fc.oneof(fc.constant<string[]>([]), seatIds),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('again' as const, 'withdraw' as const), nth }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      nth,
      seatIds,
      how: fc.constantFrom<HowEnded>('paid', 'given-back', 'never'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: minutes(5) }) },
);

/** The limit and the naive model agree on random histories. Undefined `open`: skipped. */
export function holdLimitProperties(
  name: string,
  open: OpenHoldLimit | undefined,
  runs: number,
): void {
  for (const [what, given] of Object.entries({ 'one rule': { heldMax }, 'all rules': rules })) {
    it(`limit of held seats, ${name}: agrees with a naive model on ${runs} random histories, ${what}`, async function () {
      if (open === undefined) return this.skip();
      this.timeout(60_000);
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
          const clock = new TestClock();
          const { limit, close } = await open(given, clock.now);
          try {
            await replay(steps, limit, new HoldLimitModel(given), clock);
          } finally {
            await close();
          }
        }),
        { numRuns: runs },
      );
    });
  }
}

async function replay(
  steps: Step[],
  limit: HoldLimit,
  model: HoldLimitModel,
  clock: TestClock,
): Promise<void> {
  const claims: { holder: typeof holder; claim: SeatClaim; bought: string[] }[] = [];
  for (const step of steps) {
    if (step.kind === 'pass') {
      clock.ms += step.ms;
      continue;
    }
    if (step.kind === 'take') {
      const { sessionId, bought } = step;
      const claim = { id: `c${claims.length}`, seatIds: step.seatIds, untilMs: clock.ms + holdMs };
      claims.push({ holder: { ...holder, sessionId }, claim, bought });
    }
    const made = claims.at(step.kind === 'take' ? -1 : step.nth % claims.length);
    if (made === undefined) continue;
    const { holder: who, claim, bought } = made;
    if (step.kind === 'withdraw') {
      model.withdraw(claim.id);
      await limit.withdraw(who, claim);
    } else if (step.kind === 'end') {
      model.end(who.sessionId, step.seatIds, claim.untilMs, step.how, clock.ms);
      await limit.end(who, step.seatIds, claim.untilMs, step.how);
    } else if (claim.untilMs > clock.ms) {
      const expected = model.take(who.sessionId, claim, bought, clock.ms);
      const counts = await limit.take(who, claim, bought);
      expect(counts === true ? true : counts.rule).to.equal(expected);
    }
  }
}
