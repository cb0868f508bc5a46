import { largestOf, type Sample, valuesOf } from '../alarm/exposition.ts';
import type { Polled } from '../alarm/poll.ts';

/**
 * `skipped`: there is nothing to check now, or an operator left it out. `unknown`: it should be
 * checked, but this is not possible.
 */
export type Outcome = 'ok' | 'failed' | 'skipped' | 'unknown';

/** One line of the table. */
export interface Check {
  readonly name: string;
  readonly outcome: Outcome;
  /** The observed values, or why it was left out. */
  readonly detail: string;
}

/** A recovered service is below these limits, in seconds. */
export const checkBounds = {
  /** Age of the oldest event that the lists do not show. */
  lagSeconds: 1,
  /** A hold that is over ends within about a second; the metric itself may be 5 s old. */
  overdueSeconds: 5,
  /** Money that is held for a payment is captured right after the answer. */
  openPaymentSeconds: 10,
};

/** The lines of the table that come from the service's own pages. */
export function judgeService({ isUp, why, samples }: Polled): readonly Check[] {
  if (!isUp) return [{ name: 'alive', outcome: 'failed', detail: '/livez did not answer 200' }];
  // Of several workers, the worst value: each of these metrics is best when it is 0.
  const value = (metric: string) => largestOf(samples, metric);
  return [
    { name: 'alive', outcome: 'ok', detail: '/livez is 200' },
    readiness(why, samples),
    readSide(value('reprise_projection_lag_seconds'), value('reprise_projection_parked_events')),
    oldest('holds', value('reprise_holds_overdue_oldest_seconds'), {
      of: 'held seat is overdue',
      max: checkBounds.overdueSeconds,
    }),
    oldest('payments', value('reprise_payments_open_oldest_seconds'), {
      of: 'payment is open',
      max: checkBounds.openPaymentSeconds,
    }),
    queue(value('reprise_queue_paused'), value('reprise_queue_waiting')),
  ];
}

/** 0: every check is good. 1: a check has failed. 2: a check is unknown. */
export function exitCodeOf(checks: readonly Check[]): 0 | 1 | 2 {
  const has = (outcome: Outcome) => checks.some((check) => check.outcome === outcome);
  if (has('failed')) return 1;
  return has('unknown') ? 2 : 0;
}

function readiness(why: string | undefined, samples: readonly Sample[]): Check {
  const name = 'ready';
  const ready = valuesOf(samples, 'reprise_ready');
  if (why !== undefined) return { name, outcome: 'failed', detail: why };
  if (ready.length === 0) return { name, ...silent };
  // Without PostgreSQL, the service sells and is ready. But it has not recovered.
  const down = samples
    .filter(({ metric, value }) => metric === 'reprise_dependency_up' && value === 0)
    .map(({ labels }) => `${labels.dependency} is down`);
  if (down.length > 0) {
    return { name, outcome: 'failed', detail: [...new Set(down)].join('; ') };
  }
  if (ready.includes(0)) return { name, outcome: 'failed', detail: '/readyz is not 200' };
  return { name, outcome: 'ok', detail: '/readyz is 200, each dependency is up' };
}

function readSide(lag: number | undefined, parked = 0): Check {
  const name = 'read side';
  if (lag === undefined) return { name, ...silent };
  const max = checkBounds.lagSeconds;
  if (lag >= max) {
    return { name, outcome: 'failed', detail: `lists are ${lag} s behind, ${max} s is the limit` };
  }
  if (parked > 0) {
    const detail = `${parked} events are parked: reprise projections shows them`;
    return { name, outcome: 'failed', detail };
  }
  return { name, outcome: 'ok', detail: `lists are ${lag} s behind, no event is parked` };
}

/** @param seconds age of the oldest one; 0 if there is none */
function oldest(
  name: string,
  seconds: number | undefined,
  { of, max }: { readonly of: string; readonly max: number },
): Check {
  if (seconds === undefined) {
    return { name, outcome: 'unknown', detail: 'the metric has no value; is PostgreSQL up?' };
  }
  const age = `${seconds.toFixed(1)} s`;
  if (seconds > max) {
    return { name, outcome: 'failed', detail: `a ${of} for ${age}, ${max} s is the limit` };
  }
  return { name, outcome: 'ok', detail: seconds === 0 ? `no ${of}` : `a ${of} for ${age}` };
}

function queue(paused: number | undefined, waiting = 0): Check {
  const name = 'queue';
  if (paused === undefined) return { name, ...silent };
  if (paused === 1) {
    const detail = `an operator has paused it, ${waiting} buyers wait: reprise queue resume`;
    return { name, outcome: 'skipped', detail };
  }
  return { name, outcome: 'ok', detail: `${waiting} buyers wait` };
}

const silent = {
  outcome: 'unknown',
  detail: 'the admin listener does not say: give its URL with --admin',
} as const;
