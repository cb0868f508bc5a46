import { availableParallelism } from 'node:os';

/** How a rebuild leaves room for buyers. */
export interface PaceLimits {
  /**
   * Events per second while the live tables change. Default 1,000 per processor: together with the
   * work of the event store and PostgreSQL for them, that takes a tenth of a processor. A share of
   * time would be wrong: the rebuild would also rest while it only waits for a busy machine.
   */
  readonly busyEventsPerSecond: number;
  /** Events of one transaction then: buyers wait behind a short one. Default 250. */
  readonly busyBatchEventsMax: number;
  /** Events read ahead then. Default 1,000. */
  readonly busyReadAheadMax: number;
  /** From one look at the live tables to the next, in ms. Default 100. */
  readonly lookMs: number;
}

export const paceDefaults: PaceLimits = {
  busyEventsPerSecond: 1_000 * availableParallelism(),
  busyBatchEventsMax: 250,
  busyReadAheadMax: 1_000,
  lookMs: 100,
};

/**
 * Works without a rest while the live tables do not change. Rests between short steps while they
 * change, and before the second look, when that is not known.
 */
export class Pace {
  readonly #limits: PaceLimits;
  readonly #look: () => Promise<bigint | null>;
  #last: bigint | null | undefined;
  #lookedMs: number;
  #isBusy = true;

  /**
   * @param look finds the last event in the live tables
   * @param first that event, when it was read just now; otherwise undefined
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
