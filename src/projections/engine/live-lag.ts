import type { Step } from '../log-step.ts';
import type { CommitListener, ReadSideStatus } from '../projector.ts';

/** In seconds: close around the 100 ms that the lag is to stay under, and coarse above. */
export const lagBounds: readonly number[] = [
  0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5,
  5, 10, 30,
];

/** How many events took how long, since the process started. */
export interface LagHistogram {
  /** Of `lagBounds`: the events that took no longer. */
  readonly upTo: readonly number[];
  readonly count: number;
  /** Seconds, all together. */
  readonly sum: number;
}

/**
 * The live lag: the time from when the log took an event to when its rows are visible, in the
 * tables and in this process. It is a little more than the time since the append was acknowledged,
 * and as exact as the clocks of the two servers agree. Events that are read while history is caught
 * up with are not counted.
 */
export class LiveLag implements CommitListener {
  readonly #status: () => Pick<ReadSideStatus, 'state'>;
  readonly #now: () => number;
  readonly #counts = new Array<number>(lagBounds.length + 1).fill(0);
  #sumMs = 0;

  constructor(status: () => Pick<ReadSideStatus, 'state'>, now: () => number = Date.now) {
    this.#status = status;
    this.#now = now;
  }

  committed(steps: readonly Step[]): void {
    if (this.#status().state !== 'live') return;
    const nowMs = this.#now();
    for (const { isEvent, createdMs } of steps) {
      if (!isEvent) continue;
      const lagMs = Math.max(0, nowMs - createdMs);
      const found = lagBounds.findIndex((bound) => lagMs <= bound * 1_000);
      const at = found < 0 ? lagBounds.length : found;
      this.#counts[at] = (this.#counts[at] ?? 0) + 1;
      this.#sumMs += lagMs;
    }
  }

  reset(): void {}

  histogram(): LagHistogram {
    let count = 0;
    const upTo = this.#counts.map((one) => {
      count += one;
      return count;
    });
    return { upTo: upTo.slice(0, -1), count, sum: this.#sumMs / 1_000 };
  }
}
