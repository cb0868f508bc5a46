/** Without a move for this long, a room is taken to stand still, in milliseconds. */
const quietMs = 5_000;
/** Standstills kept: the newest. */
const keptMax = 10_000;

/** When nothing moved in a room: the service was down, or nobody came. */
export class Standstills {
  #from: number[] = [];
  #lastMs = 0;

  see(atMs: number): void {
    if (this.#lastMs > 0 && atMs - this.#lastMs > quietMs) this.#from.push(this.#lastMs);
    this.#lastMs = Math.max(this.#lastMs, atMs);
    if (this.#from.length > keptMax) this.#from = this.#from.slice(keptMax / 2);
  }

  /** The one that began between two moments; undefined when none did. */
  from(fromMs: number, untilMs: number): number | undefined {
    return this.#from.find((atMs) => atMs >= fromMs && atMs <= untilMs);
  }
}
