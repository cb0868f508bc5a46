/**
 * The program of a lane: runs the test files that its parent names, one after another, each as a
 * run of mocha by `.mocharc.json`. It reads a name per line from file descriptor 4, and ends when
 * there are no more.
 */
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import Mocha from 'mocha';
import LaneReporter, { say } from './reporter.ts';

const filesFd = 4;

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

async function main(): Promise<void> {
  // As the program of mocha has it: a failure is shown with its whole stack.
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  const options = await optionsOf(JSON.parse(readFileSync('.mocharc.json', 'utf8')));
  const names = new Socket({ fd: filesFd, readable: true, writable: false });
  say({ kind: 'next' });
  for await (const file of createInterface(names)) {
    const mocha = new Mocha(options);
    // As mocha loads files, but it would try to require each first.
    mocha.suite.emit('pre-require', globalThis, path.resolve(file), mocha);
    await load(file);
    const failed = await new Promise<number>((resolve) => mocha.run(resolve));
    if (failed > 0) process.exitCode = 1;
    say({ kind: 'next' });
  }
}

void main();
