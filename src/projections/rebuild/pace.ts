import { availableParallelism } from 'node:os';

/** How a rebuild makes way for buyers. */
export interface PaceLimits {
  /**
   * Events a second while the live tables change. Default 1,000 for each processor: with what the event store and
   * PostgreSQL do for it, a tenth of them. A share of time would not do: who waits for a busy machine would rest, too.
   */
  readonly busyEventsPerSecond: number;
  /** Events of one transaction then: what buyers wait behind is short. Default 250. */
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
 * Works without a rest while the live tables stay as they are, and rests between short steps while they change, or may:
 * before the second look.
 */
export class Pace {
  readonly #limits: PaceLimits;
  readonly #look: () => Promise<bigint | null>;
  #last: bigint | null | undefined;
  #lookedMs: number;
  #isBusy = true;

  /**
   * @param look tells which event is the last in the live tables
   * @param first which one it was when they were looked at just now; undefined: they were not
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
