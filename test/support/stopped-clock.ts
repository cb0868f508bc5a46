/**
 * `performance.now()` stands still, and goes on only when a test says so. Such a test does not
 * sleep, and a busy machine cannot make it fail. Timers and `Date` go on as always.
 */
export class StoppedClock {
  readonly #real = performance.now;
  // A whole number, so that sums are exact.
  #nowMs = Math.ceil(performance.now());

  constructor() {
    performance.now = () => this.#nowMs;
  }

  /** Lets so many milliseconds pass. */
  pass(ms: number): void {
    this.#nowMs += ms;
  }

  restore(): void {
    performance.now = this.#real;
  }
}
