/**
 * `npm run test:promises`: what the project promises, at the size it promises it. Kills by the
 * hundred, races by the thousand, and the long forms of the tests that `npm test` runs at an
 * ordinary size. One after another, since some measure. A size that the environment sets is taken
 * from there. Names of promises as arguments: only these.
 */
import { build } from './build.ts';
import { endLanesWithThisProcess, runLane } from './lane.ts';
import { Results } from './results.ts';

interface Promised {
  readonly files: readonly string[];
  /** The sizes: settings of the test files. */
  readonly sizes?: Readonly<Record<string, string>>;
}

const promises: Readonly<Record<string, Promised>> = {
  'event-store-kills': {
    files: ['test/eventstore/crash.e2e.ts'],
    sizes: { CRASH_ROUNDS: '200' },
  },
  'projector-kills': {
    files: ['test/projections/crash.e2e.ts', 'test/projections/catch-up.int.ts'],
    sizes: { CRASH_ROUNDS: '50', CATCH_UP_EVENTS: '500000' },
  },
  'fault-points': {
    files: ['test/correctness/fault-points.e2e.ts'],
    sizes: { FAULT_POINTS: 'each' },
  },
  races: {
    files: [
      'test/correctness/races.int.ts',
      'test/correctness/order-races.int.ts',
      'test/correctness/holds-end.int.ts',
    ],
  },
  model: {
    files: ['test/correctness/model.unit.ts', 'test/correctness/model.int.ts'],
    sizes: { MODEL_RUNS: '3000', MODEL_RUNS_STORE: '200' },
  },
  'long-streams': {
    files: ['test/commands/long-account-any.unit.ts'],
    sizes: { LONG_RUNS: '900' },
  },
  starts: {
    files: ['test/e2e/starts.e2e.ts'],
    sizes: { STARTS: '100' },
  },
  'hostile-requests': {
    files: ['test/http/hostile.unit.ts', 'test/http/fuzz.unit.ts', 'test/e2e/floods.e2e.ts'],
    sizes: { HOSTILE_REQUESTS: '100000', FUZZ_RUNS: '3000' },
  },
  'write-then-read': {
    files: ['test/e2e/repeat-and-read.e2e.ts'],
    sizes: { WRITE_READ_PAIRS: '5000' },
  },
};

/** Mocha's time limits are those of the ordinary sizes. */
const patience = { TEST_TIMEOUT_FACTOR: '20' };

/** Longest time of one promise, in milliseconds. */
const promiseMaxMs = 2 * 60 * 60_000;

const names = process.argv.slice(2);
for (const name of names) {
  if (promises[name] === undefined) {
    throw new Error(`${name}: a promise is one of ${Object.keys(promises).join(', ')}`);
  }
}

endLanesWithThisProcess();
await build();
const results = new Results();
for (const [name, { files, sizes }] of Object.entries(promises)) {
  if (names.length > 0 && !names.includes(name)) continue;
  console.log(`\n== ${name} ${JSON.stringify(sizes ?? {})}`);
  await runLane(name, files, results.report, {
    env: { ...patience, ...sizes, ...process.env },
    maxMs: promiseMaxMs,
  });
}
process.exitCode = results.summarize();
