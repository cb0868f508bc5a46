import assert from 'node:assert/strict';

/** Something to wait for. A call that comes while nothing waits ends the next wait at once. */
export class Wake {
  #called = false;
  #waiting: (() => void) | undefined;

  call(): void {
    this.#called = true;
    this.#waiting?.();
  }

  /**
   * Resolves at the next call, or after `ms`; at once when there was a call since the last wait.
   * One wait at a time.
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
