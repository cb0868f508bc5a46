import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { grouped } from '../grouped.ts';

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

/** The unit tests of a folder are one part if they take less. */
const partSecondsMax = 6;
/** Otherwise those of its files that take this long are parts by themselves. */
const longSecondsMin = 1;

/**
 * The parts that lanes take one after another, whenever one is free. The longest comes first, so
 * that all lanes end at about the same time. The unit tests of a folder stay together as far as
 * possible, because each lane must load what they test.
 * @param seconds how long files took before; others count as usual for their kind
 */
export function partsOf(
  files: readonly string[],
  seconds: Readonly<Record<string, number>>,
): string[][] {
  const expected = (file: string): number => seconds[file] ?? usualSeconds[ofSuffix(file) ?? 'int'];
  const isUnit = (file: string): boolean => ofSuffix(file) === 'unit';
  const sum = (some: readonly string[]): number =>
    some.reduce((total, file) => total + expected(file), 0);
  const folders = grouped(files.filter(isUnit), topFolder);
  const parts = grouped(files, (file) => {
    const folder = topFolder(file);
    const isSmall = sum(folders.get(folder) ?? []) < partSecondsMax;
    return isUnit(file) && (isSmall || expected(file) < longSecondsMin) ? folder : file;
  });
  return [...parts.values()].sort((a, b) => sum(b) - sum(a));
}

/** The files of a lane: those of the next part, as long as there is one. Lanes share the parts. */
export function* filesOf(parts: IterableIterator<readonly string[]>): Generator<string> {
  for (const part of parts) yield* part;
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
