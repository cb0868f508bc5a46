/**
 * Limits the reports of a frequent event to one per interval. Names come from a fixed list, because
 * each is kept.
 */
export class Sampler {
  readonly #everyMs: number;
  readonly #told = new Map<string, { atMs: number; since: number }>();

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /**
   * @returns how often it happened since the last report, this time included; undefined when it
   * must not be reported now
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
