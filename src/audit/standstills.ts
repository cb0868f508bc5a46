/** Without a move for this long, a room counts as standing still. In milliseconds. */
const quietMs = 5_000;
/** Standstills kept: the newest. */
const keptMax = 10_000;

/** The times when nothing moved in a room, because the service was down or nobody came. */
export class Standstills {
  #from: number[] = [];
  #lastMs = 0;

  see(atMs: number): void {
    if (this.#lastMs > 0 && atMs - this.#lastMs > quietMs) this.#from.push(this.#lastMs);
    this.#lastMs = Math.max(this.#lastMs, atMs);
    if (this.#from.length > keptMax) this.#from = this.#from.slice(keptMax / 2);
  }

  /** The standstill that began between two times; undefined if there was none. */
  from(fromMs: number, untilMs: number): number | undefined {
    return this.#from.find((atMs) => atMs >= fromMs && atMs <= untilMs);
  }
}
