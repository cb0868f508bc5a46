import type { History } from './counted-totals.ts';
import { type SamplesByMetric, selected } from './exposition.ts';
import {
  bucketsOf,
  type Comparison,
  type Condition,
  type Selector,
  type Value,
} from './expression.ts';

/** The known values of one instance. */
export interface Known {
  readonly instance: string;
  /** The values of the last round; empty after a failed round. */
  readonly samples: SamplesByMetric;
  readonly history: History;
}

/**
 * Whether a condition is true, with the value of its first true comparison. It is unknown if a
 * service does not report a needed value.
 */
export type Outcome = { readonly is: true; readonly value: number } | 'no' | 'unknown';

/**
 * @param nowMs milliseconds since the epoch
 * @param room of the queue: only its series count; default: all series
 */
export function evaluate(
  condition: Condition,
  known: readonly Known[],
  nowMs: number,
  room?: string,
): Outcome {
  if (condition.kind === 'absent') {
    const isThere = known.some(({ samples }) => selected(condition.of, samples).length > 0);
    return isThere ? 'no' : { is: true, value: 1 };
  }
  if (condition.kind === 'compare') {
    const value = measured(condition.left, known, nowMs, room);
    if (value === undefined) return 'unknown';
    return compares[condition.by](value, condition.right) ? { is: true, value } : 'no';
  }
  const outcomes = condition.of.map((one) => evaluate(one, known, nowMs, room));
  const first = outcomes.find((one) => typeof one === 'object') ?? 'no';
  const isOpen = outcomes.includes('unknown');
  if (condition.kind === 'any') return first === 'no' && isOpen ? 'unknown' : first;
  if (outcomes.includes('no')) return 'no';
  return isOpen ? 'unknown' : first;
}

const compares: Readonly<Record<Comparison, (left: number, right: number) => boolean>> = {
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
  '<': (left, right) => left < right,
  '==': (left, right) => left === right,
};

/** Undefined: not known. NaN: a share of 0 requests. No comparison with NaN is true. */
function measured(
  value: Value,
  known: readonly Known[],
  nowMs: number,
  room?: string,
): number | undefined {
  if (value.kind === 'always') return 1;
  if (value.kind === 'latest') return aggregate(value.how, value.of, known, room);
  if (value.kind === 'since') {
    const since = aggregate('max', value.of, known);
    return since === undefined ? undefined : nowMs / 1_000 - since;
  }
  if (value.kind === 'increase') {
    return total(
      known.map(({ history }) => history.increase(value.of, value.seconds, nowMs, room)),
    );
  }
  if (value.kind === 'share') {
    const part = measured(value.part, known, nowMs, room);
    const whole = measured(value.whole, known, nowMs, room);
    return part === undefined || whole === undefined ? undefined : part / whole;
  }
  const sums = new Map<number, number>();
  for (const { history } of known) {
    for (const [bound, count] of history.buckets(bucketsOf(value.of), value.seconds, nowMs)) {
      sums.set(bound, (sums.get(bound) ?? 0) + count);
    }
  }
  return quantileOf(value.q, sums);
}

function aggregate(
  how: 'max' | 'min' | 'sum',
  of: Selector,
  known: readonly Known[],
  room?: string,
): number | undefined {
  const values: number[] = [];
  for (const { samples } of known) {
    for (const { labels, value } of selected(of, samples)) {
      if (room === undefined || labels.room === room) values.push(value);
    }
  }
  if (values.length === 0) return undefined;
  return how === 'sum' ? total(values) : Math[how](...values);
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/**
 * As Prometheus: evenly spread inside a bucket; above the last bound, that bound.
 * @param counts of observations up to each bound, the last of which is +∞
 */
export function quantileOf(q: number, counts: ReadonlyMap<number, number>): number {
  const bounds = [...counts].sort(([a], [b]) => a - b);
  const all = bounds.at(-1)?.[1] ?? 0;
  if (all === 0) return Number.NaN;
  const rank = q * all;
  const index = bounds.findIndex(([, count]) => count >= rank);
  const [bound = 0, count = 0] = bounds[index] ?? [];
  const [lower, below] = bounds[index - 1] ?? [0, 0];
  if (bound === Number.POSITIVE_INFINITY) return lower;
  return lower + ((bound - lower) * (rank - below)) / (count - below);
}
