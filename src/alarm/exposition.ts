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
    samples.push({ metric, labels: labelsOf(labelText), key: `${metric}{${labelText}}`, value });
  }
  return samples;
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  if (text === '') return labels;
  for (const [, name = '', raw = ''] of text.matchAll(label)) {
    labels[name] = raw.includes('\\')
      ? raw.replaceAll(/\\(.)/g, (_, char: string) => escapes[char] ?? char)
      : raw;
  }
  return labels;
}

/** The samples of a page, by metric. */
export type SamplesByMetric = ReadonlyMap<string, readonly Sample[]>;

export function byMetric(samples: readonly Sample[]): SamplesByMetric {
  const grouped = new Map<string, Sample[]>();
  for (const sample of samples) {
    const same = grouped.get(sample.metric);
    if (same === undefined) grouped.set(sample.metric, [sample]);
    else same.push(sample);
  }
  return grouped;
}

type LabelTest = (labels: Sample['labels']) => boolean;

/** The tests of each selector that was asked about. The rules ask in each round. */
const testsBySelector = new WeakMap<Selector, readonly LabelTest[]>();

/** The series that a selector chooses. */
export function selected(selector: Selector, samples: SamplesByMetric): readonly Sample[] {
  const same = samples.get(selector.metric) ?? [];
  const known = testsBySelector.get(selector);
  const wanted = known ?? testsOf(selector);
  if (known === undefined) testsBySelector.set(selector, wanted);
  return wanted.length === 0
    ? same
    : same.filter(({ labels }) => wanted.every((test) => test(labels)));
}

/** A label that is not there is empty, as in Prometheus. */
function testsOf({ labels = {}, matching = {}, notMatching = {} }: Selector): LabelTest[] {
  const tests: LabelTest[] = [];
  for (const [name, value] of Object.entries(labels)) {
    tests.push((of) => (of[name] ?? '') === value);
  }
  for (const [patterns, isWanted] of [[matching, true] as const, [notMatching, false] as const]) {
    for (const [name, pattern] of Object.entries(patterns)) {
      const whole = new RegExp(`^(?:${pattern})$`);
      tests.push((of) => whole.test(of[name] ?? '') === isWanted);
    }
  }
  return tests;
}

/** The values of a metric, one of each series. A service with workers has a series of each. */
export const valuesOf = (samples: readonly Sample[], metric: string): readonly number[] =>
  samples.filter((sample) => sample.metric === metric).map(({ value }) => value);

/** The largest value of a metric; undefined if there is none. */
export function largestOf(samples: readonly Sample[], metric: string): number | undefined {
  const values = valuesOf(samples, metric);
  return values.length === 0 ? undefined : Math.max(...values);
}
