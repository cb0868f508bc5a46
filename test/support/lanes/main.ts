/**
 * Runs the test files of some kinds in parallel lanes, each a mocha process with its own servers,
 * ports and databases; then, one after another, the files that measure time.
 *
 *   node --import tsx test/support/lanes/main.ts unit int
 *
 * Without a kind it runs all. LANES: how many at a time, 1 to 16; otherwise one more than there are
 * cores, and one when a URL names a server, which the files would share. RECORD_SECONDS=1 writes
 * how long each file took to `seconds.json`, by which the files are shared out. Exit code: 0 when
 * all passed.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { endLanesWithThisProcess, runLane } from './lane.ts';
import { type Suffix, share, suffixes, testFiles } from './plan.ts';
import { quietFiles } from './quiet.ts';
import { Results } from './results.ts';

const lanesMax = 16;

/** A file that takes less is not in `seconds.json`. */
const recordedSecondsMin = 1;

const recorded = new URL('seconds.json', import.meta.url);

const kinds = process.argv.slice(2).map((kind): Suffix => {
  const known = suffixes.find((suffix) => suffix === kind);
  if (known === undefined) throw new Error(`${kind}: a kind is one of ${suffixes.join(', ')}`);
  return known;
});
const { EVENTSTORE_URL, POSTGRES_URL, REDIS_URL, LANES } = process.env;
const isShared = Boolean(EVENTSTORE_URL || POSTGRES_URL || REDIS_URL);
// More lanes than cores end hardly sooner, and make tests late that wait for one another.
const usualCount = isShared ? 1 : Math.min(lanesMax, availableParallelism());
const lanesCount = Number(LANES ?? usualCount);
if (!(Number.isInteger(lanesCount) && lanesCount >= 1 && lanesCount <= lanesMax)) {
  throw new Error(`LANES must be a whole number from 1 to ${lanesMax}`);
}

endLanesWithThisProcess();
const results = new Results();
const files = await testFiles(kinds.length === 0 ? suffixes : kinds);
const loud = files.filter((file) => !quietFiles.includes(file));
const quiet = files.filter((file) => quietFiles.includes(file));
const lanes = share(loud, lanesCount, JSON.parse(await readFile(recorded, 'utf8')));
await Promise.all(lanes.map((lane, index) => runLane(`lane ${index + 1}`, lane, results.report)));
if (quiet.length > 0) await runLane('quiet lane', quiet, results.report);
process.exitCode = results.summarize();
if (process.env.RECORD_SECONDS) {
  const seconds = results.secondsOf(files, recordedSecondsMin);
  await writeFile(recorded, `${JSON.stringify(seconds, undefined, 2)}\n`);
}
