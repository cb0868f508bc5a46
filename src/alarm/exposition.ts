import type { Selector } from './expression.ts';

/** One value of the text format of Prometheus. */
export interface Sample {
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Together with the metric, this identifies a series. */
  readonly key: string;
  readonly value: number;
}

/** The largest number of lines that are read from one page. A service has some hundreds. */
const linesMax = 20_000;

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const label = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const escapes: Readonly<Record<string, string>> = { n: '\n' };

/** Reads a page of metrics. It leaves out lines that are not values, and unknown values (NaN). */
export function parseMetrics(page: string): readonly Sample[] {
  const samples: Sample[] = [];
  for (const text of page.split('\n', linesMax)) {
    const [, metric, labelText = '', number = ''] = line.exec(text) ?? [];
    const value = number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number);
    if (metric === undefined || Number.isNaN(value)) continue;
    const labels: Record<string, string> = {};
    for (const [, name = '', raw = ''] of labelText.matchAll(label)) {
      labels[name] = raw.replaceAll(/\\(.)/g, (_, char: string) => escapes[char] ?? char);
    }
    samples.push({ metric, labels, key: `${metric}{${labelText}}`, value });
  }
  return samples;
}

/** Does the selector choose this series? A label that is not there is empty, as in Prometheus. */
export function selects(selector: Selector, { metric, labels }: Sample): boolean {
  // Nearly all series are of another metric.
  if (metric !== selector.metric) return false;
  const { labels: equal = {}, matching = {}, notMatching = {} } = selector;
  return (
    Object.entries(equal).every(([name, value]) => (labels[name] ?? '') === value) &&
    Object.entries(matching).every(([name, pattern]) => isWhole(pattern, labels[name])) &&
    !Object.entries(notMatching).some(([name, pattern]) => isWhole(pattern, labels[name]))
  );
}

const isWhole = (pattern: string, value = ''): boolean =>
  new RegExp(`^(?:${pattern})$`).test(value);

/** The values of a metric, one of each series. A service with workers has a series of each. */
export const valuesOf = (samples: readonly Sample[], metric: string): readonly number[] =>
  samples.filter((sample) => sample.metric === metric).map(({ value }) => value);

/** The largest value of a metric; undefined if there is none. */
export function largestOf(samples: readonly Sample[], metric: string): number | undefined {
  const values = valuesOf(samples, metric);
  return values.length === 0 ? undefined : Math.max(...values);
}
