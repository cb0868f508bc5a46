/**
 * The program of a lane: one run of mocha, by `.mocharc.json`. The lane's parent sends the name of
 * a test file as a line on file descriptor 4, whenever the lane asks for one.
 */
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import Mocha from 'mocha';
import LaneReporter, { nextFile, say } from './reporter.ts';

const namesFd = 4;

interface Config {
  readonly require: readonly string[];
  readonly timeout: number;
  readonly 'forbid-only': boolean;
}

const load = (file: string) => import(pathToFileURL(path.resolve(file)).href);

async function optionsOf(config: Config): Promise<Mocha.MochaOptions> {
  const rootHooks: Mocha.RootHookObject = {};
  for (const file of config.require) {
    Object.assign(rootHooks, (await load(file)).mochaHooks);
  }
  const { timeout, 'forbid-only': forbidOnly } = config;
  return { timeout, forbidOnly, rootHooks, reporter: LaneReporter };
}

/**
 * Adds a test that loads the next file, and then adds itself again behind the suites of that file.
 * Mocha runs suites that come while it runs. So the hooks of the whole run are those of the lane.
 */
function loadNext(names: AsyncIterator<string>): void {
  describe(nextFile, () => {
    it('loads', async function () {
      // The lane has a time limit of its own.
      this.timeout(0);
      say({ kind: 'next' });
      const { value: file, done } = await names.next();
      if (done) return;
      try {
        await load(file);
      } finally {
        loadNext(names);
        say({ kind: 'begin' });
      }
    });
  });
}

async function main(): Promise<void> {
  // As the program of mocha has it: a failure is shown with its whole stack.
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  const mocha = new Mocha(await optionsOf(JSON.parse(readFileSync('.mocharc.json', 'utf8'))));
  const input = new Socket({ fd: namesFd, readable: true, writable: false });
  // This gives the tests their `describe` and `it`.
  mocha.suite.emit('pre-require', globalThis, import.meta.filename, mocha);
  loadNext(createInterface(input)[Symbol.asyncIterator]());
  const runner = mocha.run((failures) => {
    process.exitCode = failures > 0 ? 1 : 0;
    input.destroy();
  });
  // The test that runs ends, and then the hooks stop its servers. A second signal ends the process.
  process.once('SIGINT', () => runner.abort());
}

void main();
