import type { Drill } from './drill-form.ts';
import type { Journal, Measures } from './drill-journal.ts';

/** Longest time from a fault until its recovery is verified, in seconds, for every drill. */
const verifiedSecondsMax = 60;

/**
 * The bounds that a drill missed. A missing fact or a violation is never allowed. A missed time may
 * be a fault of the machine.
 */
export function missedBounds(
  measures: Measures,
  { bounds, rings }: Pick<Drill, 'bounds' | 'rings'>,
): Journal['reprise']['missed'] {
  const { recoverAfterFaultMax, slowestMax, failedMax, withoutPurchaseMax, readyMax } = bounds;
  const missed: Journal['reprise']['missed'] = [];
  const over = (what: string, value: number | null, max: number) => {
    if (value === null) missed.push({ kind: 'fact', what: `${what}: never` });
    else if (value > max) {
      missed.push({ kind: 'time', what: `${what}: ${value.toFixed(1)} s, the bound is ${max} s` });
    }
  };
  const lost = measures.missing.length;
  if (lost > 0) missed.push({ kind: 'fact', what: `${lost} acknowledged facts are lost` });
  if (measures.violations === null) missed.push({ kind: 'fact', what: 'nothing was proven' });
  else if (measures.violations > 0) {
    missed.push({ kind: 'fact', what: `the proof found ${measures.violations} violations` });
  }
  if (measures.checkFailed === null)
    missed.push({ kind: 'fact', what: 'reprise check did not run' });
  for (const line of measures.checkFailed ?? []) {
    missed.push({ kind: 'fact', what: `reprise check: ${line}` });
  }
  const bugs = Object.entries(measures.failedByCode).filter(([code]) => isBug(code));
  for (const [code, n] of bugs) missed.push({ kind: 'fact', what: `${n} answers ${code}` });
  const rang = measures.alarms.some((one) => one.rule === rings && one.rangSeconds !== null);
  if (rings !== undefined && !rang)
    missed.push({ kind: 'fact', what: `the alarm ${rings} did not fire` });
  over(
    'from the end of the fault until buyers can pay',
    measures.recoverAfterFaultSeconds,
    recoverAfterFaultMax,
  );
  over(
    'from the fault until its recovery is verified',
    measures.verifiedSeconds,
    verifiedSecondsMax,
  );
  over('the slowest answer', measures.slowestSeconds, slowestMax);
  if (failedMax !== undefined && measures.failed > failedMax) {
    const what = `${measures.failed} requests failed, the bound is ${failedMax}`;
    missed.push({ kind: 'fact', what });
  }
  if (withoutPurchaseMax !== undefined) {
    over(
      'the longest time without a purchase',
      measures.withoutPurchaseSeconds,
      withoutPurchaseMax,
    );
  }
  if (readyMax !== undefined) {
    over('from the end of the fault until every service is ready', measures.readySeconds, readyMax);
  }
  return missed;
}

/**
 * Answers that an outage does not explain: those with a status. The key of a 503 is only its code.
 */
const isBug = (code: string): boolean => /^[1-5]\d\d\b/.test(code) && code !== '503';
