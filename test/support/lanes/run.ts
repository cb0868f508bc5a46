import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { build } from './build.ts';
import { endLanesWithThisProcess, runLane } from './lane.ts';
import {
  filesOf,
  ofSuffix,
  partsOf,
  type Suffix,
  secondRuns,
  suffixes,
  testFiles,
} from './plan.ts';
import { quietFiles } from './quiet.ts';
import type { Results } from './results.ts';

const lanesMax = 16;

/** A file that takes less is not in `seconds.json`. */
const recordedSecondsMin = 1;

const recorded = new URL('seconds.json', import.meta.url);

/**
 * Runs the test files of some kinds in parallel lanes. The files that measure time run after the
 * lanes, and after the work beside them. At last, a few files that failed run once more, alone.
 * Unit tests start no program; for all others `dist/` is built first.
 * @param names the kinds; none for all
 * @param beside other checks, which run while the lanes do
 */
export async function runKinds(
  names: readonly string[],
  results: Results,
  beside: readonly (() => Promise<void>)[] = [],
): Promise<void> {
  const kinds = names.map((name): Suffix => {
    const known = suffixes.find((suffix) => suffix === name);
    if (known === undefined) throw new Error(`${name}: a kind is one of ${suffixes.join(', ')}`);
    return known;
  });
  endLanesWithThisProcess();
  const run = kinds.length === 0 ? suffixes : kinds;
  const files = await testFiles(run);
  const loud = files.filter((file) => !quietFiles.includes(file));
  const quiet = files.filter((file) => quietFiles.includes(file));
  if (files.some((file) => !file.endsWith('.unit.ts'))) await build();
  const before = JSON.parse(await readFile(recorded, 'utf8')) as Readonly<Record<string, number>>;
  const parts = partsOf(loud, before);
  const lanes = Math.min(lanesCount(), parts.length);
  const shared = parts.values();
  await Promise.all([
    ...beside.map((check) => check()),
    ...Array.from({ length: lanes }, (_, index) =>
      runLane(`lane ${index + 1}`, filesOf(shared), results.report),
    ),
  ]);
  if (quiet.length > 0) await runLane('quiet lane', quiet, results.report);
  for (const file of secondRuns(results.failedOf(files))) {
    await runLane('second run', [file], results.reportSecond);
  }
  if (process.env.RECORD_SECONDS) {
    const isOfOtherKind = (file: string) => !run.some((kind) => ofSuffix(file) === kind);
    const kept = Object.entries(before).filter(([file]) => isOfOtherKind(file));
    const now = Object.entries(results.secondsOf(files, recordedSecondsMin));
    const sorted = [...kept, ...now].sort(([a], [b]) => (a < b ? -1 : 1));
    await writeFile(recorded, `${JSON.stringify(Object.fromEntries(sorted), undefined, 2)}\n`);
  }
}

/** How many lanes run at a time: see `main.ts`. */
function lanesCount(): number {
  const { EVENTSTORE_URL, POSTGRES_URL, REDIS_URL, LANES } = process.env;
  const isShared = Boolean(EVENTSTORE_URL || POSTGRES_URL || REDIS_URL);
  // More lanes than cores end hardly sooner, and make tests late that wait for one another.
  const usualCount = isShared ? 1 : Math.min(lanesMax, availableParallelism());
  const count = Number(LANES ?? usualCount);
  if (!(Number.isInteger(count) && count >= 1 && count <= lanesMax)) {
    throw new Error(`LANES must be a whole number from 1 to ${lanesMax}`);
  }
  return count;
}
