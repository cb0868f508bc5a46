import { readdir } from 'node:fs/promises';
import path from 'node:path';

/** The kinds of test files, as their names end. */
export const suffixes = ['unit', 'int', 'conformance', 'e2e'] as const;
export type Suffix = (typeof suffixes)[number];

/** Seconds that a file of a kind is expected to take when `seconds.json` does not know it. */
const usualSeconds: Readonly<Record<Suffix, number>> = {
  unit: 0.2,
  int: 3,
  conformance: 1,
  e2e: 8,
};

const ofSuffix = (file: string): Suffix | undefined =>
  suffixes.find((suffix) => file.endsWith(`.${suffix}.ts`));

/** The test files of these kinds below `test/`, as paths from the root, sorted. */
export async function testFiles(kinds: readonly Suffix[]): Promise<string[]> {
  const all = await readdir('test', { recursive: true });
  return all
    .filter((file) => kinds.some((kind) => ofSuffix(file) === kind))
    .map((file) => path.join('test', file))
    .sort();
}

/**
 * Shares files out to lanes of about the same length: the longest file first, each to the lane that
 * is shortest so far.
 * @param seconds how long files took before; others count as usual for their kind
 * @returns `count` lanes at the most; none is empty
 */
export function share(
  files: readonly string[],
  count: number,
  seconds: Readonly<Record<string, number>>,
): string[][] {
  const expected = (file: string): number => seconds[file] ?? usualSeconds[ofSuffix(file) ?? 'int'];
  const lanes = Array.from({ length: count }, () => ({ files: [] as string[], seconds: 0 }));
  for (const file of [...files].sort((a, b) => expected(b) - expected(a))) {
    const shortest = lanes.reduce((least, lane) => (lane.seconds < least.seconds ? lane : least));
    shortest.files.push(file);
    shortest.seconds += expected(file);
  }
  return lanes.map((lane) => lane.files).filter((lane) => lane.length > 0);
}

/** If more files than this fail, none runs a second time: that is no race of the machine. */
export const secondRunsMax = 3;

/**
 * The failed files that run once more, alone. They start servers, and wait for these with
 * deadlines that a busy machine misses. Unit tests and the tests of `test/correctness/` never run
 * again: what fails there once is wrong.
 */
export function secondRuns(failed: readonly string[]): string[] {
  const again = failed.filter(
    (file) => ofSuffix(file) !== 'unit' && !file.startsWith(path.join('test', 'correctness')),
  );
  return failed.length <= secondRunsMax ? again : [];
}
