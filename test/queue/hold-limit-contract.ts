import { expect } from 'chai';
import fc from 'fast-check';
import { type Claim, claimsMax, type HoldLimit } from '../../src/commands/hold-limit.ts';
import { eachLimited } from '../../src/processes/repeat.ts';
import { HoldLimitModel } from './hold-limit-model.ts';
import { TestClock } from './support.ts';

/** A limit of its own that counts nothing yet. */
export type OpenHoldLimit = (
  heldMax: number,
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

    const claim = (seatIds: string[], untilMs = clock.ms + holdMs): Claim => {
      claims += 1;
      return { id: `claim-${claims}`, seatIds, untilMs };
    };
    const take = (seatIds: string[], who = holder) => limit.take(who, claim(seatIds));

    it('counts seats up to the limit, and leaves everything as it was when it says no', async () => {
      expect(await take(seats(1, 2, 3))).to.equal(true);
      expect(await take(seats(4, 5))).to.equal(false);
      expect(await take(seats(5))).to.equal(true);
      expect(await take(seats(4))).to.equal(false);
    });

    it('never exceeds the limit with 50 at once', async () => {
      const taken = await Promise.all(Array.from({ length: 50 }, (_, n) => take(seats(n))));
      expect(taken.filter((counts) => counts)).to.have.lengthOf(heldMax);
    });

    it('counts each buyer and each session by itself', async () => {
      expect(await take(seats(1, 2, 3, 4))).to.equal(true);
      expect(await take(seats(5), { ...holder, userId: 'v' })).to.equal(true);
      expect(await take(seats(5), { ...holder, sessionId: 't' })).to.equal(true);
      expect(await take(seats(5))).to.equal(false);
    });

    it('counts the same claim, and a seat that counts already, once', async () => {
      const first = claim(seats(1, 2));
      for (let n = 0; n < 3; n++) expect(await limit.take(holder, first)).to.equal(true);
      expect(await take(seats(2, 3, 4))).to.equal(true);
      expect(await limit.take(holder, first)).to.equal(true);
      expect(await take(seats(5))).to.equal(false);
    });

    it('counts a seat until its claim ends, to the millisecond', async () => {
      expect(await limit.take(holder, claim(seats(1, 2, 3, 4), clock.ms + 60_000))).to.equal(true);
      clock.ms += 59_999;
      expect(await take(seats(5))).to.equal(false);
      clock.ms += 1;
      expect(await take(seats(5))).to.equal(true);
    });

    // One request of a buyer took 1 and 2; another wants 2 and 3, is refused 3 and gives back what it asked for.
    for (const order of ['before', 'after']) {
      it(`still counts a seat on which a claim was withdrawn that came ${order} the one that got it`, async () => {
        const [got, vain] = [claim(seats(1, 2)), claim(seats(2, 3))];
        const both = order === 'before' ? [vain, got] : [got, vain];
        for (const each of both) expect(await limit.take(holder, each)).to.equal(true);
        await limit.withdraw(holder, vain);
        expect(await take(seats(4, 5)), 'two more').to.equal(true);
        expect(await take(seats(6)), 'a fifth').to.equal(false);
      });
    }

    it('ends the claims of one reservation, and of its seats only', async () => {
      const paid = claim(seats(1, 2));
      expect(await limit.take(holder, paid)).to.equal(true);
      clock.ms += 1;
      const next = claim(seats(2, 3, 4));
      expect(await limit.take(holder, next)).to.equal(true);
      await limit.end(holder, seats(1, 2), paid.untilMs);
      expect(await take(seats(5)), 'seat 1 made room').to.equal(true);
      expect(await take(seats(6)), 'seat 2 is counted by another claim').to.equal(false);
      await limit.end(holder, seats(3), next.untilMs);
      expect(await take(seats(6)), 'seat 3 made room').to.equal(true);
      expect(await take(seats(7))).to.equal(false);
    });

    it('knows nothing of what was never taken', async () => {
      await limit.withdraw(holder, claim(seats(1)));
      await limit.end(holder, seats(1), clock.ms);
      expect(await take(seats(1, 2, 3, 4))).to.equal(true);
    });

    it(`refuses more than ${claimsMax} claims on seats, however few the seats are`, async () => {
      const half = Array.from({ length: claimsMax / 2 }, () => claim(seats(1, 2)));
      // Not all at once: a busy machine's Redis would not answer the last ones in time.
      await eachLimited(half, 50, async (each) => {
        expect(await limit.take(holder, each)).to.equal(true);
      });
      expect(await take(seats(1))).to.equal(false);
      await limit.withdraw(holder, half[0] as Claim);
      expect(await take(seats(1))).to.equal(true);
    });
  });
}

type Step =
  | { kind: 'take'; seatIds: string[]; ms: number }
  /** The claim that was made `nth` (modulo how many were). */
  | { kind: 'again' | 'withdraw'; nth: number }
  | { kind: 'end'; nth: number; seatIds: string[] }
  | { kind: 'pass'; ms: number };

const seatIds = fc.uniqueArray(fc.constantFrom(...seats(1, 2, 3, 4, 5, 6)), {
  minLength: 1,
  maxLength: 3,
});
const nth = fc.nat(20);
/** Redis removes a key by its own clock, which goes on while the test's stands still: so nothing is short. */
const minutes = (max: number) => fc.integer({ min: 1, max }).map((n) => n * 60_000);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      seatIds,
      ms: minutes(9),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('again' as const, 'withdraw' as const), nth }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), nth, seatIds }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: minutes(5),
    }),
  },
);

/** The limit and the naive model agree on random histories. Undefined `open`: skipped. */
export function holdLimitProperties(
  name: string,
  open: OpenHoldLimit | undefined,
  runs: number,
): void {
  it(`limit of held seats, ${name}: agrees with a naive model on ${runs} random histories`, async function () {
    if (open === undefined) return this.skip();
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const clock = new TestClock();
        const { limit, close } = await open(heldMax, clock.now);
        try {
          await replay(steps, limit, new HoldLimitModel(heldMax), clock);
        } finally {
          await close();
        }
      }),
      { numRuns: runs },
    );
  });
}

async function replay(
  steps: Step[],
  limit: HoldLimit,
  model: HoldLimitModel,
  clock: TestClock,
): Promise<void> {
  const claims: Claim[] = [];
  for (const step of steps) {
    if (step.kind === 'pass') {
      clock.ms += step.ms;
      continue;
    }
    if (step.kind === 'take') {
      const id = String(claims.length);
      claims.push({ id, seatIds: step.seatIds, untilMs: clock.ms + step.ms });
    }
    const claim = claims.at(step.kind === 'take' ? -1 : step.nth % claims.length);
    if (claim === undefined) continue;
    if (step.kind === 'withdraw') {
      model.withdraw(claim.id);
      await limit.withdraw(holder, claim);
    } else if (step.kind === 'end') {
      model.end(step.seatIds, claim.untilMs);
      await limit.end(holder, step.seatIds, claim.untilMs);
    } else if (claim.untilMs > clock.ms) {
      expect(await limit.take(holder, claim)).to.equal(model.take(claim, clock.ms));
    }
  }
}
