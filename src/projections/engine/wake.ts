/** Something to wait for that may have happened before: a call that comes while nobody waits is kept. */
export class Wake {
  #called = false;
  #waiting: (() => void) | undefined;

  call(): void {
    this.#called = true;
    this.#waiting?.();
  }

  /** Resolves at the next call, or at once after a call that nobody waited for, or after `ms`. One waiter at a time. */
  async wait(ms: number): Promise<void> {
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
