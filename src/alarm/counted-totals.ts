import { z } from 'zod';
import { type Sample, type SamplesByMetric, selected } from './exposition.ts';
import type { Selector } from './expression.ts';

/**
 * The totals of each round are kept for this long, in milliseconds. Longer windows use one total
 * per minute.
 */
const fineMs = 15 * 60_000;
const coarseEveryMs = 60_000;
/** More than the longest window of a rule, three days; in milliseconds. */
const coarseMs = 73 * 3_600_000;

const points = z.array(z.tuple([z.number(), z.number()]));
/** For the state file: totals of the windows that are longer than a restart of the alarm. */
export const keptHistory = z.record(z.string(), points);
export type KeptHistory = z.infer<typeof keptHistory>;

/** Milliseconds since the epoch, and the total by then. */
type Point = [atMs: number, total: number];

interface Line {
  fine: Point[];
  coarse: Point[];
  readonly outlives: boolean;
}

/**
 * The counts of one instance over time. For each selector of the rules, it has the sum of all
 * increases since the alarm started. If a counter falls, it has started again at 0. The first look
 * at an instance counts nothing. A series that appears later counts from 0.
 */
export class History {
  /** By the name of the selector, and by label. */
  readonly #lines = new Map<string, Map<string, Line>>();
  readonly #selectors: readonly (readonly [Selector, boolean])[];
  readonly #metrics: ReadonlySet<string>;
  #before: ReadonlyMap<string, number> | undefined;

  /** @param windows what the rules count, with their windows in seconds */
  constructor(windows: readonly (readonly [Selector, number])[], kept: KeptHistory = {}) {
    const longest = new Map<string, [Selector, number]>();
    for (const [selector, seconds] of windows) {
      const name = nameOf(selector);
      const known = longest.get(name)?.[1] ?? 0;
      longest.set(name, [selector, Math.max(known, seconds)]);
    }
    this.#selectors = [...longest.values()].map(([selector, seconds]) => [
      ...([selector, seconds * 1_000 > fineMs] as const),
    ]);
    this.#metrics = new Set(this.#selectors.map(([{ metric }]) => metric));
    for (const [selector, outlives] of this.#selectors) {
      const coarse = outlives ? (kept[nameOf(selector)] ?? []) : [];
      if (coarse.length > 0) this.#line(selector, '', outlives).coarse = coarse;
    }
  }

  /** Takes over a page of metrics. */
  take(samples: SamplesByMetric, nowMs: number): void {
    const before = this.#before;
    const grown = (sample: Sample): number => {
      if (before === undefined) return 0;
      const was = before.get(sample.key) ?? 0;
      return sample.value >= was ? sample.value - was : sample.value;
    };
    for (const [selector, outlives] of this.#selectors) {
      const sums = new Map<string, number>([['', 0]]);
      for (const sample of selected(selector, samples)) {
        const label = sample.labels.le ?? sample.labels.room ?? '';
        sums.set(label, (sums.get(label) ?? 0) + grown(sample));
      }
      for (const [label, sum] of sums) push(this.#line(selector, label, outlives), sum, nowMs);
    }
    const now = new Map<string, number>();
    for (const metric of this.#metrics) {
      for (const { key, value } of samples.get(metric) ?? []) now.set(key, value);
    }
    this.#before = now;
  }

  /** @returns the increase in the last `seconds`; 0 if nothing was ever counted */
  increase(selector: Selector, seconds: number, nowMs: number, label = ''): number {
    const line = this.#lines.get(nameOf(selector))?.get(label);
    if (line === undefined) return 0;
    const last = line.fine.at(-1) ?? line.coarse.at(-1);
    const first = at(line, nowMs - seconds * 1_000);
    return last === undefined || first === undefined ? 0 : last[1] - first[1];
  }

  /** By the upper bound of its bucket. */
  buckets(selector: Selector, seconds: number, nowMs: number): ReadonlyMap<number, number> {
    const increases = new Map<number, number>();
    for (const label of this.#lines.get(nameOf(selector))?.keys() ?? []) {
      if (label === '') continue;
      const bound = label === '+Inf' ? Number.POSITIVE_INFINITY : Number(label);
      increases.set(bound, this.increase(selector, seconds, nowMs, label));
    }
    return increases;
  }

  kept(): KeptHistory {
    const wholes = [...this.#lines].map(([name, lines]) => [name, lines.get('')] as const);
    return Object.fromEntries(
      wholes.flatMap(([name, line]) => (line?.outlives ? [[name, line.coarse]] : [])),
    );
  }

  #line(selector: Selector, label: string, outlives: boolean): Line {
    const name = nameOf(selector);
    const lines = this.#lines.get(name) ?? new Map<string, Line>();
    this.#lines.set(name, lines);
    const known = lines.get(label);
    if (known !== undefined) return known;
    const line: Line = { fine: [], coarse: [], outlives };
    lines.set(label, line);
    return line;
  }
}

const names = new WeakMap<Selector, string>();

/** The selector's name in the state file. */
function nameOf(selector: Selector): string {
  const known = names.get(selector);
  if (known !== undefined) return known;
  const name = JSON.stringify([selector, '']);
  names.set(selector, name);
  return name;
}

function push(line: Line, grown: number, nowMs: number): void {
  const last = line.fine.at(-1) ?? line.coarse.at(-1);
  const total = (last?.[1] ?? 0) + grown;
  line.fine.push([nowMs, total]);
  while ((line.fine[0]?.[0] ?? nowMs) < nowMs - fineMs) line.fine.shift();
  const newest = line.coarse.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY;
  if (nowMs - newest >= coarseEveryMs) line.coarse.push([nowMs, total]);
  while ((line.coarse[0]?.[0] ?? nowMs) < nowMs - coarseMs) line.coarse.shift();
}

/** The newest point that is not after a moment; else the oldest there is. */
function at({ fine, coarse }: Line, atMs: number): Point | undefined {
  const points = (fine[0]?.[0] ?? Number.POSITIVE_INFINITY) <= atMs ? fine : coarse;
  return points[countUntil(points, atMs) - 1] ?? coarse[0] ?? fine[0];
}

/** How many points are not after a moment. The points are in the order of time. */
function countUntil(points: readonly Point[], atMs: number): number {
  let [count, end] = [0, points.length];
  while (count < end) {
    const middle = (count + end) >> 1;
    if ((points[middle] as Point)[0] <= atMs) count = middle + 1;
    else end = middle;
  }
  return count;
}
