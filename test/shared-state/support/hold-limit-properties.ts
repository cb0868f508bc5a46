import { expect } from 'chai';
import fc from 'fast-check';
import type {
  HoldLimit,
  HowEnded,
  SeatClaim,
} from '../../../src/commands/hold-limit/hold-limit.ts';
import { TestClock } from '../../queue/support/times.ts';
import { HoldLimitModel } from './hold-limit-model.ts';
import { heldMax, holder, holdMs, type OpenHoldLimit, rules, seats } from './hold-limit-setting.ts';

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
  describe(`limit of held seats, ${name}`, function () {
    this.timeout(60_000);

    for (const [what, given] of Object.entries({ 'one rule': { heldMax }, 'all rules': rules })) {
      it(`agrees with a naive model on ${runs} random histories, ${what}`, async function () {
        if (open === undefined) return this.skip();
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
  });
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
