/** Lets a bounded number of pieces of work run at the same time; a bounded number more wait in line. */
export class Gate {
  readonly #runningMax: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(runningMax: number, waitingMax: number) {
    this.#runningMax = runningMax;
    this.#waitingMax = waitingMax;
  }

  /** Runs the work in its turn. @returns undefined at once, and does nothing, when the line is full */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#running < this.#runningMax) {
      this.#running += 1;
    } else {
      if (this.#waiting.length >= this.#waitingMax) return undefined;
      // Who ends hands the place over: nobody comes in between.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
