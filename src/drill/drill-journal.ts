import { z } from 'zod';

/**
 * The record of a drill: `journal.json`, with the names of Chaos Toolkit's journal. Fields that
 * Chaos Toolkit does not know are below `reprise`. Durations are seconds.
 */

const at = z.iso.datetime();
const seconds = z.number().min(0);
const activity = z.object({
  name: z.string(),
  type: z.enum(['action', 'probe']),
  status: z.enum(['succeeded', 'failed']),
  start: at,
  end: at,
  duration: seconds,
  output: z.unknown(),
});
const steadyState = z.object({
  steady_state_met: z.boolean(),
  probes: z.array(
    z.object({ activity: z.string(), tolerance_met: z.boolean(), output: z.unknown() }),
  ),
});

/** The measures of a drill. Null if there was nothing to measure. */
export const measuresSchema = z.object({
  /** The time from the fault until an alarm fired. Without an alarm, until `/readyz` showed it. */
  detectSeconds: seconds.nullable(),
  /**
   * Conditions of the alarm's rules that became true after the fault: the time, the duration, the
   * rule's waiting time, and the time of the alarm. Empty in journals of older versions.
   */
  alarms: z
    .array(
      z.object({
        ...{ rule: z.string(), severity: z.string(), trueSeconds: seconds, heldSeconds: seconds },
        ...{ waitSeconds: seconds, rangSeconds: seconds.nullable() },
      }),
    )
    .default([]),
  /** The time from the fault until buyers could pay again, and the time from the fault's end. */
  recoverSeconds: seconds.nullable(),
  recoverAfterFaultSeconds: seconds.nullable(),
  /**
   * From the end of the fault until every service was ready and stayed ready; 0: it always was.
   * Null in journals of older versions.
   */
  readySeconds: seconds.nullable().default(null),
  /** The time from the fault until the whole log was proven again. */
  verifiedSeconds: seconds.nullable(),
  /** The longest time in which no buyer of one of the services could pay. */
  withoutPurchaseSeconds: seconds,
  slowestSeconds: seconds,
  requests: z.number(),
  failed: z.number(),
  failedByCode: z.record(z.string(), z.number()),
  acknowledged: z.number(),
  missing: z.array(z.string()),
  /** Missing facts that `restore reconcile` named. */
  reconciled: z.number(),
  violations: z.number().nullable(),
  /** Lines of `reprise check` that were not ok. Null where it was not run. */
  checkFailed: z.array(z.string()).nullable().default(null),
});
export type Measures = z.infer<typeof measuresSchema>;

export const journalSchema = z.object({
  experiment: z.object({ title: z.string(), description: z.string(), expected: z.string() }),
  status: z.enum(['completed', 'failed', 'aborted']),
  deviated: z.boolean(),
  start: at,
  end: at,
  duration: seconds,
  steady_states: z.object({ before: steadyState, after: steadyState.nullable() }),
  run: z.array(activity),
  rollbacks: z.array(activity),
  reprise: z.object({
    version: z.string(),
    buyers: z.number(),
    measures: measuresSchema,
    /** The missed bounds, as sentences. `time` if only a time was missed. */
    missed: z.array(z.object({ kind: z.enum(['time', 'fact']), what: z.string() })),
  }),
});

export type Journal = z.infer<typeof journalSchema>;
export type Activity = z.infer<typeof activity>;
export type SteadyState = z.infer<typeof steadyState>;

/**
 * Runs `work` and notes its result.
 * @throws the error of `work`, after it was noted
 */
export async function noted<T>(
  into: Activity[],
  type: Activity['type'],
  name: string,
  work: () => T | Promise<T>,
): Promise<T> {
  const fromMs = Date.now();
  const note = (status: Activity['status'], output: unknown) => {
    const endMs = Date.now();
    into.push({
      ...{ name, type, status, output: output ?? null, duration: (endMs - fromMs) / 1_000 },
      ...{ start: new Date(fromMs).toISOString(), end: new Date(endMs).toISOString() },
    });
  };
  try {
    const output = await work();
    note('succeeded', typeof output === 'string' || typeof output === 'number' ? output : null);
    return output;
  } catch (error) {
    note('failed', error instanceof Error ? error.message : String(error));
    throw error;
  }
}
