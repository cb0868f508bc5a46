import type { Step } from '../log-step.ts';
import type { CommitListener, ReadSideStatus } from '../projector.ts';

/**
 * The live lag: the time from when the log took an event to when its rows are visible, in the
 * tables and in this process. It is a little more than the time since the append was acknowledged,
 * and as exact as the clocks of the two servers agree. Events that are read while history is caught
 * up with are not counted.
 */
export class LiveLag implements CommitListener {
  readonly #status: () => Pick<ReadSideStatus, 'state'>;
  readonly #now: () => number;
  readonly #observe: (seconds: number) => void;

  /** @param observe told of each event how long it took */
  constructor(
    status: () => Pick<ReadSideStatus, 'state'>,
    now: () => number,
    observe: (seconds: number) => void,
  ) {
    this.#status = status;
    this.#now = now;
    this.#observe = observe;
  }

  committed(steps: readonly Step[]): void {
    if (this.#status().state !== 'live') return;
    const nowMs = this.#now();
    for (const { isEvent, createdMs } of steps) {
      if (isEvent) this.#observe(Math.max(0, nowMs - createdMs) / 1_000);
    }
  }

  reset(): void {}
}
