/**
 * Limits the reports of a frequent event to one per interval. Names come from a fixed list, because
 * the sampler keeps each name.
 */
export class Sampler {
  readonly #everyMs: number;
  readonly #told = new Map<string, { atMs: number; since: number }>();

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /**
   * @returns the number of events since the last report, including this one; undefined if this one
   * must not be reported
   */
  count(name: string): number | undefined {
    const nowMs = performance.now();
    const before = this.#told.get(name);
    if (before === undefined) {
      this.#told.set(name, { atMs: nowMs, since: 0 });
      return 1;
    }
    before.since += 1;
    if (nowMs - before.atMs < this.#everyMs) return undefined;
    const { since } = before;
    Object.assign(before, { atMs: nowMs, since: 0 });
    return since;
  }
}
