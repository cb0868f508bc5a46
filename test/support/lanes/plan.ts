import { readdir } from 'node:fs/promises';
import path from 'node:path';

/** The kinds of test files, as their names end. */
export const suffixes = ['unit', 'int', 'conformance', 'e2e'] as const;
export type Suffix = (typeof suffixes)[number];

/** Seconds that a file of a kind is expected to take when `seconds.json` does not know it. */
const usualSeconds: Readonly<Record<Suffix, number>> = {
  unit: 0.1,
  int: 3,
  conformance: 1,
  e2e: 8,
};

/** The kind of a test file. */
export const ofSuffix = (file: string): Suffix | undefined =>
  suffixes.find((suffix) => file.endsWith(`.${suffix}.ts`));

/** The test files of these kinds below `test/`, as paths from the root, sorted. */
export async function testFiles(kinds: readonly Suffix[]): Promise<string[]> {
  const all = await readdir('test', { recursive: true });
  return all
    .filter((file) => kinds.some((kind) => ofSuffix(file) === kind))
    .map((file) => path.join('test', file))
    .sort();
}

/** Files that stay in one lane. */
interface Part {
  readonly files: string[];
  seconds: number;
}

/** The unit tests of a folder are one part if they take less. */
const partSecondsMax = 6;
/** Otherwise those of its files that take this long are parts by themselves. */
const longSecondsMin = 1;

/**
 * Shares files out to lanes of about the same length: the longest part first, each to the lane that
 * is shortest so far. The unit tests of a folder stay together as far as possible, because each
 * lane must load what they test.
 * @param seconds how long files took before; others count as usual for their kind
 * @returns `count` lanes at the most; none is empty
 */
export function share(
  files: readonly string[],
  count: number,
  seconds: Readonly<Record<string, number>>,
): string[][] {
  const expected = (file: string): number => seconds[file] ?? usualSeconds[ofSuffix(file) ?? 'int'];
  const isUnit = (file: string): boolean => ofSuffix(file) === 'unit';
  const folders = new Map<string, number>();
  for (const file of files.filter(isUnit)) {
    folders.set(topFolder(file), (folders.get(topFolder(file)) ?? 0) + expected(file));
  }
  const parts = new Map<string, Part>();
  for (const file of files) {
    const folder = topFolder(file);
    const isSmall = (folders.get(folder) ?? 0) < partSecondsMax;
    const isShared = isUnit(file) && (isSmall || expected(file) < longSecondsMin);
    const name = isShared ? folder : file;
    const part = parts.get(name) ?? { files: [], seconds: 0 };
    part.files.push(file);
    part.seconds += expected(file);
    parts.set(name, part);
  }
  const lanes = Array.from({ length: count }, (): Part => ({ files: [], seconds: 0 }));
  for (const part of [...parts.values()].sort((a, b) => b.seconds - a.seconds)) {
    const shortest = lanes.reduce((least, lane) => (lane.seconds < least.seconds ? lane : least));
    shortest.files.push(...part.files);
    shortest.seconds += part.seconds;
  }
  return lanes.map((lane) => lane.files).filter((lane) => lane.length > 0);
}

/** The folder below `test/` that a file is in. */
const topFolder = (file: string): string => file.split(path.sep).slice(0, 2).join(path.sep);

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
