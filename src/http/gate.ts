/**
 * Lets a bounded number of pieces of work run at the same time; a bounded number more wait in line.
 */
export class Gate {
  readonly #runningMax: number;
  readonly #waitingMax: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(runningMax: number, waitingMax: number) {
    this.#runningMax = runningMax;
    this.#waitingMax = waitingMax;
  }

  /**
   * Runs the work when it is its turn.
   * @param over when this is aborted, a waiting caller leaves the line, because nobody needs the
   * work then
   * @returns undefined if the line is full, at once and without the work. Also undefined for a
   * caller that left the line
   */
  async run<T>(work: () => Promise<T>, over?: AbortSignal): Promise<T | undefined> {
    if (over?.aborted) return undefined;
    if (this.#running < this.#runningMax) {
      this.#running += 1;
    } else {
      if (this.#waiting.size >= this.#waitingMax) return undefined;
      if (!(await this.#turn(over))) return undefined;
    }
    try {
      return await work();
    } finally {
      this.#handOver();
    }
  }

  /** Work that ends gives its place to the next in line. No new caller comes in between. */
  #handOver(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#running -= 1;
    else next();
  }

  /** @returns whether the turn came before `over` was aborted */
  #turn(over: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const leave = () => {
        this.#waiting.delete(called);
        resolve(false);
      };
      const called = () => {
        this.#waiting.delete(called);
        over?.removeEventListener('abort', leave);
        resolve(true);
      };
      this.#waiting.add(called);
      over?.addEventListener('abort', leave, { once: true });
    });
  }
}
