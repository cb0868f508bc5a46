import type { Journal, Measures } from './drill-journal.ts';

/** A measure of two runs of a drill. */
export interface Change {
  readonly measure: string;
  readonly before: number | null;
  readonly after: number | null;
  readonly isWorse: boolean;
}

/**
 * A value is worse if it grows by more than this share and by more than this amount. A smaller
 * change may be random.
 */
const share = 0.2;
const least = 1;

const measured = [
  ...(['detectSeconds', 'recoverSeconds', 'recoverAfterFaultSeconds', 'readySeconds'] as const),
  ...(['verifiedSeconds', 'withoutPurchaseSeconds', 'slowestSeconds'] as const),
  ...(['failed', 'violations'] as const),
] as const;

/** @throws Error if they are not runs of the same drill */
export function changesBetween(before: Journal, after: Journal): Change[] {
  const [a, b] = [before.experiment.title, after.experiment.title];
  if (a !== b) throw new Error(`one is a run of ${a}, the other of ${b}: nothing can be compared`);
  const [old, now] = [before.reprise.measures, after.reprise.measures];
  const change = (measure: string, of: (measures: Measures) => number | null): Change => {
    const [was, is] = [of(old), of(now)];
    return { measure, before: was, after: is, isWorse: isWorse(was, is) };
  };
  return [
    ...measured.map((name) => change(name, (measures) => measures[name])),
    change('missing', ({ missing }) => missing.length),
  ];
}

/** Null means never, which is worse than any number. */
function isWorse(before: number | null, after: number | null): boolean {
  if (after === null) return before !== null;
  if (before === null) return false;
  return after > before * (1 + share) && after - before >= least;
}
