/**
 * A server that ends by itself is started again at most this often within `windowMs`. If it ends
 * once more, it is not started again.
 */
const restartsMax = 5;
/** In milliseconds. */
const windowMs = 600_000;

/** Counts the restarts of one server. */
export class Restarts {
  readonly #now: () => number;
  #madeMs: number[] = [];

  /** @param now milliseconds on a clock of its own; default `performance.now` */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** May it be started once more? Counts this start. */
  another(): boolean {
    const nowMs = this.#now();
    this.#madeMs = this.#madeMs.filter((madeMs) => nowMs - madeMs < windowMs);
    if (this.#madeMs.length >= restartsMax) return false;
    this.#madeMs.push(nowMs);
    return true;
  }
}
