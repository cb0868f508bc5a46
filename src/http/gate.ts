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
   * @param over a waiting caller leaves the line when this is aborted, because nobody needs the
   * work then
   * @returns undefined at once, without running the work, when the line is full; also undefined for
   * a caller that left the line
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

  /** Who ends hands the place over: nobody comes in between. */
  #handOver(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#running -= 1;
    else next();
  }

  /** @returns whether it came, before this was over */
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
