import { availableParallelism } from 'node:os';

/** How slowly a rebuild works while buyers use the service. */
export interface PaceLimits {
  /**
   * Events per second while the live tables change. Default 1,000 per processor. Together with the
   * work of the event store and PostgreSQL, this takes a tenth of a processor. A share of time
   * would be wrong, because the rebuild would also rest while it only waits for a busy machine.
   */
  readonly busyEventsPerSecond: number;
  /**
   * Events of one transaction while the live tables change. Buyers then wait only for a short
   * transaction. Default 250.
   */
  readonly busyBatchEventsMax: number;
  /** Events that are read ahead while the live tables change. Default 1,000. */
  readonly busyReadAheadMax: number;
  /** The time from one look at the live tables to the next, in ms. Default 100. */
  readonly lookMs: number;
}

export const paceDefaults: PaceLimits = {
  busyEventsPerSecond: 1_000 * availableParallelism(),
  busyBatchEventsMax: 250,
  busyReadAheadMax: 1_000,
  lookMs: 100,
};

/**
 * Sets the pace of a rebuild. While the live tables do not change, it works without a rest. While
 * they change, it rests between short steps. It also does so before the second look, because it
 * does not know yet whether they change.
 */
export class Pace {
  readonly #limits: PaceLimits;
  readonly #look: () => Promise<bigint | null>;
  #last: bigint | null | undefined;
  #lookedMs: number;
  #isBusy = true;

  /**
   * @param look finds the last event in the live tables
   * @param first that event, if it was read just now
   */
  constructor(limits: PaceLimits, look: () => Promise<bigint | null>, first?: bigint | null) {
    this.#limits = limits;
    this.#look = look;
    this.#last = first;
    this.#lookedMs = first === undefined ? Number.NEGATIVE_INFINITY : performance.now();
  }

  /** Events that the next transaction may have. */
  batchEventsMax(otherwise: number): number {
    return this.#isBusy ? Math.min(this.#limits.busyBatchEventsMax, otherwise) : otherwise;
  }

  /** Events that may be read ahead of the transactions. */
  readAheadMax(otherwise: number): number {
    return this.#isBusy ? Math.min(this.#limits.busyReadAheadMax, otherwise) : otherwise;
  }

  /** How long to rest after a transaction that took `workedMs`, in ms. */
  async restMs(events: number, workedMs: number): Promise<number> {
    const now = performance.now();
    if (now - this.#lookedMs >= this.#limits.lookMs) {
      this.#lookedMs = now;
      const at = await this.#look();
      this.#isBusy = at !== this.#last;
      this.#last = at;
    }
    if (!this.#isBusy) return 0;
    return Math.max(0, (1_000 * events) / this.#limits.busyEventsPerSecond - workedMs);
  }
}
