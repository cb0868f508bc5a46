import { expect } from 'chai';
import fc from 'fast-check';
import { newSecret, parseToken, tokenOf } from '../../../src/queue/token.ts';
import {
  QueueFull,
  type QueueSettings,
  type WaitingQueue,
} from '../../../src/queue/waiting-queue.ts';
import { QueueModel } from './queue-model.ts';
import { type OpenQueue, TestClock } from './times.ts';

const settings: QueueSettings = {
  admittedMax: 2,
  waitingMax: 4,
  claimMs: 800,
  admittedMs: 2_000,
  placeMaxMs: 2_500,
  waitingMs: 1_500,
  pauseMaxMs: 1_000,
  afterPaymentMs: 300,
};

type Step =
  | { kind: 'poll' | 'shorten'; user: string }
  | { kind: 'renew'; user: string; heldMs: number }
  /** The token that was given `nth` (modulo how many were), or one that never was. */
  | { kind: 'authorize'; user: string; nth: number }
  | { kind: 'pass'; ms: number };

const user = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('poll' as const), user }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('shorten' as const), user }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('renew' as const),
      user,
      heldMs: fc.integer({ min: 1, max: 4_000 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('authorize' as const),
      user,
      nth: fc.integer({ min: -1, max: 12 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.integer({ min: -300, max: 1_500 }),
    }),
  },
);

/** Finds a history on which the queue and the model differ; throws with the shortest. */
export async function compareWithModel(
  open: OpenQueue,
  runs: number,
  modelSettings: QueueSettings = settings,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
      const clock = new TestClock();
      const { queue, close } = await open(settings, clock.now);
      try {
        await replay(steps, queue, new QueueModel(modelSettings), clock);
      } finally {
        await close();
      }
    }),
    // A difference is shown with the shortest history, unless it was asked for.
    { numRuns: runs, endOnFailure: modelSettings !== settings },
  );
}

async function replay(
  steps: Step[],
  queue: WaitingQueue,
  model: QueueModel,
  clock: TestClock,
): Promise<void> {
  /** Token by the model's number of its place, from 1. */
  const tokens: string[] = [];
  for (const step of steps) {
    switch (step.kind) {
      case 'pass':
        clock.ms += step.ms;
        break;
      case 'poll': {
        const expected = model.poll(step.user, clock.ms);
        const place = await queue.poll(step.user).catch((error: unknown) => {
          if (error instanceof QueueFull) return 'full' as const;
          throw error;
        });
        if (expected === 'full' || place === 'full') {
          expect(place).to.equal(expected);
          break;
        }
        const { ahead, expiresAt, processing } = expected;
        expect(place).to.deep.include({ userId: step.user, ahead, expiresAt, processing });
        tokens[expected.id - 1] ??= place.token;
        expect(place.token).to.equal(tokens[expected.id - 1]);
        expect(new Set(tokens)).to.have.property('size', tokens.length);
        break;
      }
      case 'authorize': {
        const index = step.nth < 0 || tokens.length === 0 ? -1 : step.nth % tokens.length;
        const token = tokens[index] ?? tokenOf(step.user, newSecret());
        const owner = parseToken(token)?.userId ?? '';
        const expected = model.authorize(step.user, owner, index + 1, clock.ms);
        expect(await queue.authorize(step.user, token)).to.equal(expected);
        break;
      }
      case 'renew':
        model.renew(step.user, step.heldMs, clock.ms);
        await queue.renew(step.user, step.heldMs);
        break;
      case 'shorten':
        model.shorten(step.user, clock.ms);
        await queue.shorten(step.user);
        break;
    }
  }
}

/**
 * The comparison itself, and its negative control: a model that admits one more must be told apart.
 */
export function queueProperties(name: string, open: OpenQueue | undefined, runs: number): void {
  describe(`waiting queue, ${name}, against a naive model`, () => {
    before(function () {
      if (open === undefined) this.skip();
    });

    it('agrees on random histories with jumps of the clock, both ways', async function () {
      this.timeout(60_000);
      await compareWithModel(open as OpenQueue, runs);
    });

    it('would not agree with a model of other rules (negative control)', async () => {
      for (const wrong of [
        { admittedMax: 3 },
        { waitingMs: 1_700 },
        { afterPaymentMs: 600 },
        { placeMaxMs: 9_000 },
        { claimMs: 1_000 },
        { waitingMax: 1 },
      ]) {
        const failure = await compareWithModel(open as OpenQueue, 1_000, {
          ...settings,
          ...wrong,
        }).then(
          () => undefined,
          (error: unknown) => error,
        );
        expect(failure, `a model with ${JSON.stringify(wrong)}`).to.be.instanceOf(Error);
      }
    });
  });
}
