import { poll, type Target } from '../alarm/poll.ts';
import { pause } from '../support/pause.ts';
import { type JourneyParts, makeJourney, saleClosed } from './journey.ts';
import { type Check, exitCodeOf, judgeService } from './judge.ts';

/**
 * A failed check is repeated for this long, in milliseconds. After a restart, interrupted work is
 * finished within seconds, and metrics may be 5 s old.
 */
const settleMs = 10_000;
/**
 * The same after the sale of a restored log was opened. Only then does the service end the holds
 * and settle the payments of the whole time since the backup.
 */
const openedMs = 30_000;
const lookMs = 1_000;

export interface RecoveryCheckParts {
  readonly target: Target;
  readonly register: JourneyParts['register'];
  /**
   * The sale of a restored log was opened a moment ago. A journey that finds it closed is repeated,
   * and then has failed. Default false: it is skipped.
   */
  readonly saleIsOpen?: boolean;
  /** Proves the log; undefined if the proof is left out. Never rejects. */
  readonly prove: (() => Promise<Check>) | undefined;
  /** Default 10,000; 30,000 after the sale was opened. */
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
    : await journeyOf(parts);
  return [...service, journey, await proof(parts, alive?.outcome === 'ok')];
}

const withinOf = ({ saleIsOpen = false, settleMs: withinMs }: RecoveryCheckParts): number =>
  withinMs ?? (saleIsOpen ? openedMs : settleMs);

async function settled(parts: RecoveryCheckParts) {
  const { target } = parts;
  const endMs = performance.now() + withinOf(parts);
  for (;;) {
    const checks = judgeService(await poll(target));
    if (exitCodeOf(checks) === 0 || performance.now() > endMs) return checks;
    await pause(lookMs);
  }
}

/** An instance knows within a second that the sale was opened. */
async function journeyOf(parts: RecoveryCheckParts): Promise<Check> {
  const { target, register, saleIsOpen = false } = parts;
  const endMs = performance.now() + withinOf(parts);
  for (;;) {
    const check = await makeJourney({ url: target.url, register });
    if (!saleIsOpen || check.detail !== saleClosed) return check;
    if (performance.now() > endMs) return { ...check, outcome: 'failed' };
    await pause(lookMs);
  }
}

async function proof({ prove }: RecoveryCheckParts, isUp: boolean): Promise<Check> {
  const name = 'proof';
  if (prove === undefined) return { name, outcome: 'skipped', detail: 'left out (--no-proof)' };
  if (!isUp) return { name, outcome: 'skipped', detail: 'the API does not answer' };
  return prove();
}
