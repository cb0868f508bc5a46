import { setImmediate } from 'node:timers/promises';

/**
 * Decides whose call of the log goes on next: every call waits for its turn, and `choices` says
 * which of the waiting is taken. The same choices give the same history.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  readonly #choices: readonly number[];
  #taken = 0;

  readonly #underWay: () => number;

  /**
   * @param choices used one after another, from the start again when they are over; empty: first
   *   come, first served
   * @param underWay calls that a server has still to answer; none in memory
   */
  constructor(choices: readonly number[], underWay: () => number = () => 0) {
    this.#choices = choices;
    this.#underWay = underWay;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives turns until nobody waits any more: what has not ended then never will. */
  async drain(): Promise<void> {
    for (;;) {
      await setImmediate();
      if (this.#underWay() > 0) continue;
      if (this.#waiting.length === 0) return;
      const choice = this.#choices[this.#taken % this.#choices.length] ?? 0;
      this.#taken += 1;
      this.#waiting.splice(choice % this.#waiting.length, 1)[0]?.();
    }
  }
}
