import { quantileOf } from './evaluate.ts';
import { largestOf, type Sample, valuesOf } from './exposition.ts';
import type { JournalLine } from './journal.ts';

type SampleLine = Extract<JournalLine, { kind: 'sample' }>;

/** The values of an instance at a moment, in milliseconds since the epoch. */
export interface Reading {
  readonly atMs: number;
  readonly isUp: boolean;
  readonly samples: readonly Sample[];
}

const notOfBuyers: ReadonlySet<string | undefined> = new Set(['livez', 'readyz', 'none']);

/**
 * The activity of one instance between two readings. If one reading had no metrics, there are no
 * counts, because a gap is not a zero.
 */
export function sampleLine(instance: string, before: Reading, now: Reading): SampleLine {
  const { samples } = now;
  const ready = valuesOf(samples, 'reprise_ready');
  const line = {
    ...({ kind: 'sample', at: new Date(now.atMs).toISOString(), instance, up: now.isUp } as const),
    seconds: Math.round((now.atMs - before.atMs) / 1_000),
    ready: ready.length > 0 && !ready.includes(0),
  };
  if (samples.length < 2 || before.samples.length < 2) return line;
  const grown = growth(before, now);
  const requests = grown.filter(
    ({ metric, labels }) =>
      metric === 'reprise_http_requests_total' && !notOfBuyers.has(labels.call),
  );
  const failed = requests.filter(({ labels }) => labels.status?.startsWith('5'));
  const known = {
    version: samples.find(({ metric }) => metric === 'reprise_build_info')?.labels.version,
    lagSeconds: largestOf(samples, 'reprise_projection_lag_seconds'),
    // All workers have the same values of the queue.
    waiting: largestOf(samples, 'reprise_queue_waiting'),
    admitted: largestOf(samples, 'reprise_queue_admitted'),
    p95Seconds: p95(grown),
  };
  const told = Object.entries(known).filter(([, value]) => value !== undefined);
  return {
    ...line,
    ...Object.fromEntries(told),
    requests: sum(requests),
    failed: sum(failed),
    failedByCall: by('call', failed),
    problems: by('code', ofMetric(grown, 'reprise_problems_total')),
    reservations: by('outcome', ofMetric(grown, 'reprise_reservations_total')),
    payments: by('outcome', ofMetric(grown, 'reprise_payments_total')),
    restarts: sum(ofMetric(grown, 'reprise_embedded_restarts_total')),
  };
}

/** Each series with its increase. A series that fell has started again at 0. */
function growth(before: Reading, now: Reading): readonly Sample[] {
  const was = new Map(before.samples.map(({ key, value }) => [key, value]));
  return now.samples.map((sample) => {
    const from = was.get(sample.key) ?? 0;
    return { ...sample, value: sample.value >= from ? sample.value - from : sample.value };
  });
}

const ofMetric = (samples: readonly Sample[], name: string): readonly Sample[] =>
  samples.filter(({ metric }) => metric === name);

const sum = (samples: readonly Sample[]): number =>
  samples.reduce((total, { value }) => total + value, 0);

/** By a label's value, without zeros. */
function by(label: string, samples: readonly Sample[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { labels, value } of samples) {
    const name = labels[label] ?? '';
    if (value > 0) sums[name] = (sums[name] ?? 0) + value;
  }
  return sums;
}

function p95(grown: readonly Sample[]): number | undefined {
  const counts = new Map<number, number>();
  for (const { labels, value } of ofMetric(grown, 'reprise_http_request_duration_seconds_bucket')) {
    if (notOfBuyers.has(labels.call)) continue;
    const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le);
    counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  const quantile = quantileOf(0.95, counts);
  return Number.isNaN(quantile) ? undefined : quantile;
}
