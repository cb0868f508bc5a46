/**
 * Runs the test files of some kinds in parallel lanes, each a mocha process with its own servers,
 * ports and databases; then, one after another, the files that measure time.
 *
 *   node --import tsx test/support/lanes/main.ts unit int
 *
 * Without a kind it runs all. LANES: how many at a time, 1 to 16; otherwise as many as there are
 * cores, and one when a URL names a server, which the files would share. RECORD_SECONDS=1 writes
 * how long each file took to `seconds.json`, by which the files are shared out. Entries of kinds
 * that did not run stay. Exit code: 0 when all passed.
 */
import { Results } from './results.ts';
import { runKinds } from './run.ts';

const results = new Results();
await runKinds(process.argv.slice(2), results);
process.exitCode = results.summarize();
