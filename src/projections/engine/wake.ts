import assert from 'node:assert/strict';

/** Ends a wait by a call. If a call comes while nothing waits, the next wait ends at once. */
export class Wake {
  #called = false;
  #waiting: (() => void) | undefined;

  call(): void {
    this.#called = true;
    this.#waiting?.();
  }

  /**
   * Resolves at the next call, or after `ms`. If there was a call since the last wait, it resolves
   * at once. Only one wait at a time.
   */
  async wait(ms: number): Promise<void> {
    assert(this.#waiting === undefined, 'one waits already');
    if (!this.#called) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#waiting = undefined;
    }
    this.#called = false;
  }
}
