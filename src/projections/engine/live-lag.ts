import type { Step } from '../log-step.ts';
import type { CommitListener, ReadSideStatus } from '../projector.ts';

/**
 * The live lag: the time from the append of an event in the log until its rows are visible, in the
 * tables and in this process. It is a little more than the time since the acknowledgement of the
 * append. It is as exact as the agreement between the clocks of the two servers. Events of the
 * past, which are read while the service catches up, do not count.
 */
export class LiveLag implements CommitListener {
  readonly #status: () => Pick<ReadSideStatus, 'state'>;
  readonly #now: () => number;
  readonly #observe: (seconds: number) => void;

  /** @param observe called with the lag of each event */
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
