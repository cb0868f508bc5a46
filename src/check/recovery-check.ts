import { poll, type Target } from '../alarm/poll.ts';
import { pause } from '../support/pause.ts';
import { type JourneyParts, makeJourney } from './journey.ts';
import { type Check, exitCodeOf, judgeService } from './judge.ts';

/**
 * A failed check is repeated for this long, in milliseconds. After a restart, interrupted work is
 * finished within seconds, and metrics may be 5 s old.
 */
const settleMs = 10_000;
const lookMs = 1_000;

export interface RecoveryCheckParts {
  readonly target: Target;
  readonly register: JourneyParts['register'];
  /** Proves the log; undefined if the proof is left out. Never rejects. */
  readonly prove: (() => Promise<Check>) | undefined;
  /** Default 10,000. */
  readonly settleMs?: number;
}

/** Checks whether a service works again. Never throws because of the service's answers. */
export async function recoveryCheck(parts: RecoveryCheckParts): Promise<readonly Check[]> {
  const service = await settled(parts);
  const [alive, ready] = service;
  const why =
    alive?.outcome !== 'ok'
      ? 'the API does not answer'
      : ready?.outcome === 'failed' && 'the service is not ready';
  const journey: Check = why
    ? { name: 'journey', outcome: 'skipped', detail: why }
    : await makeJourney({ url: parts.target.url, register: parts.register });
  return [...service, journey, await proof(parts, alive?.outcome === 'ok')];
}

async function settled({ target, settleMs: withinMs = settleMs }: RecoveryCheckParts) {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const checks = judgeService(await poll(target));
    if (exitCodeOf(checks) === 0 || performance.now() > endMs) return checks;
    await pause(lookMs);
  }
}

async function proof({ prove }: RecoveryCheckParts, isUp: boolean): Promise<Check> {
  const name = 'proof';
  if (prove === undefined) return { name, outcome: 'skipped', detail: 'left out (--no-proof)' };
  if (!isUp) return { name, outcome: 'skipped', detail: 'the API does not answer' };
  return prove();
}
