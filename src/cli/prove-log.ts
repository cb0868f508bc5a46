import type { Check } from '../check/judge.ts';
import type { Config } from '../config.ts';
import { leaveNote } from '../metrics/command-notes.ts';
import { borrowEventStore } from '../servers/servers.ts';
import type { ProgressMeter } from '../support/progress-meter.ts';
import { listedMaxDefault } from '../verify/defaults.ts';
import type { Violations } from '../verify/finding.ts';
import type { ProofMark } from '../verify/proof-mark.ts';
import { verify } from '../verify/verify-log.ts';
import { verifySince } from '../verify/verify-since.ts';
import { keepMark, readMark } from './proof-file.ts';

interface Proven {
  readonly violations: Violations;
  readonly mark: ProofMark | undefined;
  /** A text for people that says how much was proven. */
  readonly how: string;
}

/**
 * The line `proof` of `reprise check`. It proves the events since the last proof. It proves the
 * whole log if there was no proof, if the new events are not enough, or if the operator requests
 * it. Never rejects.
 */
export async function proveLog(
  config: Config,
  { isWhole, meter }: { readonly isWhole: boolean; readonly meter: ProgressMeter },
): Promise<Check> {
  const name = 'proof';
  try {
    const { url } = await borrowEventStore(config);
    const beginMs = performance.now();
    const before = isWhole ? undefined : await readMark(config);
    const since = before && (await proveSince(url, before));
    const { violations, mark, how } =
      typeof since === 'object' ? since : await proveWhole(url, meter, since);
    const took = `${how} in ${((performance.now() - beginMs) / 1_000).toFixed(1)} s`;
    const verdict = { at: new Date().toISOString(), violations: violations.total };
    // If the result cannot be stored, the proof is still valid. Then no metric has it, and the next
    // check proves these events again.
    await leaveNote(config, { verify: verdict }).catch(() => {});
    await keepMark(config, mark).catch(() => {});
    if (violations.total === 0) return { name, outcome: 'ok', detail: `no violation: ${took}` };
    const kinds = Object.entries(violations.byCode).map(([code, count]) => `${code} ${count}`);
    const detail = `${violations.total} violations (${kinds.join(', ')}): reprise verify lists them`;
    return { name, outcome: 'failed', detail };
  } catch (error) {
    return { name, outcome: 'unknown', detail: (error as Error).message };
  }
}

/** @returns why a whole proof is needed, or what was proven */
async function proveSince(eventStoreUrl: string, before: ProofMark): Promise<Proven | string> {
  const found = await verifySince(before, { eventStoreUrl, listedMax: listedMaxDefault });
  if (typeof found === 'string') return found;
  const { events, streams, violations, mark } = found;
  const how = `${events} events since ${before.at}, ${streams} streams (the whole log at ${before.wholeAt}),`;
  return { violations, mark, how };
}

/** @param why why the new events were not enough; undefined: there was no earlier proof */
async function proveWhole(
  eventStoreUrl: string,
  meter: ProgressMeter,
  why: string | undefined,
): Promise<Proven> {
  const { log, violations, mark } = await verify({
    ...{ eventStoreUrl, listedMax: listedMaxDefault },
    onProgress: ({ done, share }) =>
      meter.show({ doing: 'proving the log', done, unit: 'events', share }),
  });
  const how = `the whole log, ${log.events} events,`;
  return { violations, mark, how: why === undefined ? how : `${how} because ${why},` };
}
