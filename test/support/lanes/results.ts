import type { FileResult } from './lane.ts';

/** What became of the files of a run: a line per file as it ends, and at last the summary. */
export class Results {
  #results: FileResult[] = [];
  readonly #passedAlone: FileResult[] = [];
  readonly #sinceMs = performance.now();

  readonly report = (result: FileResult): void => {
    this.#results.push(result);
    const sign = result.failures.length === 0 ? '✓' : '✗';
    const pending = result.pending === 0 ? '' : `, ${result.pending} pending`;
    const seconds = result.seconds.toFixed(1);
    console.log(`${sign} ${result.file}: ${result.passed}${pending} (${seconds} s)`);
    for (const failure of result.failures) console.log(failure);
  };

  /** The files of a list that failed, in the order of the list. */
  failedOf(files: readonly string[]): string[] {
    const failed = this.#results.filter((result) => result.failures.length > 0);
    return files.filter((file) => failed.some((result) => result.file === file));
  }

  /** Takes what became of a file in its second run, which counts instead of the first. */
  readonly reportSecond = (second: FileResult): void => {
    const first = this.#results.filter((result) => result.file === second.file);
    if (second.failures.length === 0) this.#passedAlone.push(...first);
    this.#results = this.#results.filter((result) => !first.includes(result));
    this.report(second);
  };

  /** Seconds of each file that took `min` or more, by name. */
  secondsOf(files: readonly string[], min: number): Record<string, number> {
    const long = this.#results
      .filter((result) => files.includes(result.file) && result.seconds >= min)
      .map((result) => [result.file, Math.round(result.seconds)] as const);
    return Object.fromEntries(long.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /**
   * Prints what passed in a second run only, the failures once more, and how many passed and
   * failed, in the form of mocha's summary: `.ci/run` reads it.
   * @returns the exit code: 1 when something failed, or nothing passed
   */
  summarize(): 0 | 1 {
    const failures = this.#results.flatMap((result) => result.failures);
    const passed = this.#sum('passed');
    const pending = this.#sum('pending');
    const seconds = Math.round((performance.now() - this.#sinceMs) / 1_000);
    for (const { file, failures: first } of this.#passedAlone) {
      console.log(`\n  ${file} failed first and passed alone. Find the race:`);
      for (const failure of first) console.log(failure);
    }
    console.log(`\n\n  ${passed} passing (${seconds}s)`);
    if (pending > 0) console.log(`  ${pending} pending`);
    if (failures.length > 0) console.log(`  ${failures.length} failing\n`);
    for (const [index, failure] of failures.entries()) console.log(`  ${index + 1}) ${failure}`);
    return failures.length === 0 && passed > 0 ? 0 : 1;
  }

  #sum(count: 'passed' | 'pending'): number {
    return this.#results.reduce((total, result) => total + result[count], 0);
  }
}
