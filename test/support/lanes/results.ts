import type { FileResult } from './lane.ts';

/** What became of the files of a run: a line per file as it ends, and at last the summary. */
export class Results {
  readonly #results: FileResult[] = [];
  readonly #sinceMs = performance.now();

  readonly report = (result: FileResult): void => {
    this.#results.push(result);
    const sign = result.failures.length === 0 ? '✓' : '✗';
    const pending = result.pending === 0 ? '' : `, ${result.pending} pending`;
    const seconds = result.seconds.toFixed(1);
    console.log(`${sign} ${result.file}: ${result.passed}${pending} (${seconds} s)`);
    for (const failure of result.failures) console.log(failure);
  };

  /** Seconds of each file that took `min` or more, by name. */
  secondsOf(files: readonly string[], min: number): Record<string, number> {
    const long = this.#results
      .filter((result) => files.includes(result.file) && result.seconds >= min)
      .map((result) => [result.file, Math.round(result.seconds)] as const);
    return Object.fromEntries(long.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /**
   * Prints the failures once more and how many passed and failed, in the form of mocha's summary:
   * `.ci/run` reads it.
   * @returns the exit code: 1 when something failed, or nothing passed
   */
  summarize(): 0 | 1 {
    const failures = this.#results.flatMap((result) => result.failures);
    const passed = this.#sum('passed');
    const pending = this.#sum('pending');
    const seconds = Math.round((performance.now() - this.#sinceMs) / 1_000);
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
