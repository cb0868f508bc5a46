import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LaneMessage } from './reporter.ts';

/** Longest time of a lane, in milliseconds. Then it is killed, and that is a failure. */
export const laneMaxMs = 60 * 60_000;

/**
 * Longest time from a lane's last test to the end of its process, in milliseconds. Then it is
 * killed, and that is a failure: a test left something that keeps the process alive.
 */
const lastsMaxMs = 30_000;

/**
 * A process that a lane left behind may keep its output open: it is read for so long after the
 * lane's end.
 */
const outputMaxMs = 1_000;

const running = new Set<ChildProcess>();

let isEnding = false;

/** What ends this process ends the lanes that run, after their hooks, and no other begins. */
export function endLanesWithThisProcess(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      isEnding = true;
      // By this one mocha still runs the hooks, which stop the servers.
      for (const child of running) child.kill('SIGINT');
    });
  }
}

interface LaneOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly maxMs?: number;
  readonly lastsMs?: number;
  /** Options of node that let it load TypeScript. */
  readonly loader?: readonly string[];
}

/** What became of a file, or of a lane: then `file` says which. */
export interface FileResult {
  readonly file: string;
  readonly passed: number;
  readonly pending: number;
  /** What mocha prints of each. */
  readonly failures: readonly string[];
  readonly seconds: number;
}

// Tests make much that is soon garbage. With V8's default, the collection takes a sixth of the
// time.
const youngMemory = '--max-semi-space-size=64';

// Mocha's other program starts this one as a child, which a lane could not talk to.
const mocha = fileURLToPath(new URL('lib/cli/cli.js', import.meta.resolve('mocha')));
const reporter = fileURLToPath(new URL('reporter.ts', import.meta.url));

/**
 * Runs files, one after another, in a process of their own.
 * @param name stands before what the tests print
 * @param report is given each file's result as soon as it is known. A lane that crashes, is
 *   killed at its time limit or leaves a file without a test reports that as a failure of its own
 */
export async function runLane(
  name: string,
  files: readonly string[],
  report: (result: FileResult) => void,
  options: LaneOptions = {},
): Promise<void> {
  if (isEnding) return report(failed(name, 'not begun: the run was ended'));
  const { env = process.env, maxMs = laneMaxMs, lastsMs = lastsMaxMs } = options;
  const { loader = ['--import', 'tsx'] } = options;
  const child = spawn(
    process.execPath,
    [youngMemory, ...loader, mocha, '--reporter', reporter, ...files],
    { env, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] },
  );
  const [, stdout, stderr, messages] = child.stdio as readonly (Readable | null)[];
  for (const output of [stdout, stderr]) {
    if (output) createInterface(output).on('line', (line) => console.log(`${name} | ${line}`));
  }
  const results = new FileResults(report);
  const heard = createInterface(messages as Readable);
  let killed: string | undefined;
  const killAfter = (ms: number, of: string) =>
    setTimeout(() => {
      killed ??= `killed ${ms / 1_000} s after its ${of}`;
      child.kill('SIGKILL');
    }, ms);
  const limits = [killAfter(maxMs, 'start')];
  heard.on('line', (line) => {
    results.take(JSON.parse(line));
    if (results.isAtEnd) limits.push(killAfter(lastsMs, 'last test'));
  });
  running.add(child);
  const closed = once(child, 'close');
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(heard, 'close')]);
  running.delete(child);
  for (const limit of limits) clearTimeout(limit);
  await Promise.race([closed, delay(outputMaxMs)]);
  stdout?.destroy();
  stderr?.destroy();
  results.finish(files);
  const fault = results.faultOfLane(code, killed ?? `${signal ?? code}`);
  if (fault !== undefined) report(failed(name, fault));
}

const failed = (file: string, failure: string): FileResult => ({
  file,
  passed: 0,
  pending: 0,
  failures: [failure],
  seconds: 0,
});

/** The results of a lane's files, which come in their order, one test after another. */
class FileResults {
  readonly #report: (result: FileResult) => void;
  readonly #seen = new Set<string>();
  #file: string | undefined;
  #passed = 0;
  #pending = 0;
  #failures: string[] = [];
  #failed = 0;
  #sinceMs = performance.now();
  #isAtEnd = false;

  constructor(report: (result: FileResult) => void) {
    this.#report = report;
  }

  take(message: LaneMessage): void {
    if (message.kind === 'begin') {
      // Until now, the lane has loaded all its files.
      this.#sinceMs = performance.now();
      return;
    }
    if (message.kind === 'end') {
      this.#isAtEnd = true;
      this.#close();
      return;
    }
    if (message.file !== this.#file) this.#close();
    this.#file = message.file;
    if (message.kind === 'file') return;
    if (message.outcome === 'passed') this.#passed += 1;
    else if (message.outcome === 'pending') this.#pending += 1;
    else this.#failures.push(message.text ?? '');
  }

  /** Whether the last test has ended. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Each file must have said something. */
  finish(files: readonly string[]): void {
    this.#close();
    if (!this.#isAtEnd) return;
    for (const file of files.map((one) => path.normalize(one))) {
      if (!this.#seen.has(file)) {
        this.#failed += 1;
        this.#report(failed(file, `${file}: no test ran`));
      }
    }
  }

  /** Why the lane itself failed; undefined when it did not, beyond what its files reported. */
  faultOfLane(code: number | null, ending: string): string | undefined {
    if (!this.#isAtEnd) return `the lane ended before its tests: ${ending}`;
    if (code !== 0 && this.#failed === 0) return `the lane ended badly after its tests: ${ending}`;
    return undefined;
  }

  #close(): void {
    if (this.#file === undefined) return;
    const seconds = (performance.now() - this.#sinceMs) / 1_000;
    if (this.#passed + this.#pending + this.#failures.length > 0) this.#seen.add(this.#file);
    this.#failed += this.#failures.length;
    this.#report({
      file: this.#file,
      passed: this.#passed,
      pending: this.#pending,
      failures: this.#failures,
      seconds,
    });
    this.#file = undefined;
    this.#passed = 0;
    this.#pending = 0;
    this.#failures = [];
    this.#sinceMs = performance.now();
  }
}
