import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LaneMessage, TestMessage } from './reporter.ts';

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
      // By this one, a lane still runs the hooks, which stop the servers.
      for (const child of running) child.kill('SIGINT');
    });
  }
}

interface LaneOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly maxMs?: number;
  readonly lastsMs?: number;
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

const loader = ['--import', import.meta.resolve('./typescript.mjs')];
const program = fileURLToPath(new URL('lane-program.ts', import.meta.url));

/**
 * Runs files, one after another, in a process of their own.
 * @param name stands before what the tests print
 * @param files each is taken when the one before it is done. So lanes may share what gives them out
 * @param report is given each file's result as soon as it is known. A lane that crashes, is
 *   killed at its time limit or leaves a file without a test reports that as a failure of its own
 */
export async function runLane(
  name: string,
  files: Iterable<string>,
  report: (result: FileResult) => void,
  options: LaneOptions = {},
): Promise<void> {
  if (isEnding) return report(failed(name, 'not begun: the run was ended'));
  const { env = process.env, maxMs = laneMaxMs, lastsMs = lastsMaxMs } = options;
  const child = spawn(process.execPath, [youngMemory, ...loader, program], {
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  const [, stdout, stderr, messages] = child.stdio as readonly (Readable | null)[];
  const names = child.stdio[4] as Writable;
  // A lane that crashes reads no more names. Its end says so.
  names.on('error', () => {});
  for (const output of [stdout, stderr]) {
    if (output) createInterface(output).on('line', (line) => console.log(`${name} | ${line}`));
  }
  const results = new FileResults(report);
  const waiting = files[Symbol.iterator]();
  const heard = createInterface(messages as Readable);
  let killed: string | undefined;
  const killAfter = (ms: number, of: string) =>
    setTimeout(() => {
      killed ??= `killed ${ms / 1_000} s after its ${of}`;
      child.kill('SIGKILL');
    }, ms);
  const limits = [killAfter(maxMs, 'start')];
  heard.on('line', (line) => {
    const message = JSON.parse(line) as LaneMessage;
    if (message.kind === 'begin') return results.begin();
    if (message.kind === 'test') return results.take(message);
    const { value: file } = waiting.next();
    results.next(file);
    if (file !== undefined) return names.write(`${file}\n`);
    names.end();
    return limits.push(killAfter(lastsMs, 'last test'));
  });
  running.add(child);
  const closed = once(child, 'close');
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(heard, 'close')]);
  running.delete(child);
  for (const limit of limits) clearTimeout(limit);
  await Promise.race([closed, delay(outputMaxMs)]);
  stdout?.destroy();
  stderr?.destroy();
  results.close();
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
  /** The file that the lane was given last. Undefined before the first and after the last one. */
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

  /** The file before is done, and must have had a test. @param file undefined after the last one */
  next(file: string | undefined): void {
    if (this.#file !== undefined && !this.#hasTests) {
      this.#failures.push(`${this.#file}: no test ran`);
    }
    this.close();
    this.#file = file && path.normalize(file);
    this.#isAtEnd = file === undefined;
  }

  /** The file is loaded, and its tests begin. */
  begin(): void {
    this.#sinceMs = performance.now();
  }

  take({ outcome, text = '' }: TestMessage): void {
    if (outcome === 'passed') this.#passed += 1;
    else if (outcome === 'pending') this.#pending += 1;
    else this.#failures.push(text);
  }

  /** Why the lane itself failed; undefined when it did not, beyond what its files reported. */
  faultOfLane(code: number | null, ending: string): string | undefined {
    if (!this.#isAtEnd) return `the lane ended before its tests: ${ending}`;
    if (code !== 0 && this.#failed === 0) return `the lane ended badly after its tests: ${ending}`;
    return undefined;
  }

  /** Reports the tests since the last report: of the file, or of hooks of the whole run. */
  close(): void {
    if (!this.#hasTests) return;
    this.#failed += this.#failures.length;
    this.#report({
      file: this.#file ?? 'the whole run',
      passed: this.#passed,
      pending: this.#pending,
      failures: this.#failures,
      seconds: (performance.now() - this.#sinceMs) / 1_000,
    });
    this.#passed = 0;
    this.#pending = 0;
    this.#failures = [];
  }

  get #hasTests(): boolean {
    return this.#passed + this.#pending + this.#failures.length > 0;
  }
}
