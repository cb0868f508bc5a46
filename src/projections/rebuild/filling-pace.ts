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
  /** Were there two looks, so that it is known whether the live tables change? */
  #isKnown = false;

  /**
   * @param look finds the last event in the live tables
   * @param first that event and the time of the read, on `performance.now()`'s clock; undefined if
   * it is not known
   */
  constructor(
    limits: PaceLimits,
    look: () => Promise<bigint | null>,
    first?: { readonly event: bigint | null; readonly atMs: number },
  ) {
    this.#limits = limits;
    this.#look = look;
    this.#last = first?.event;
    this.#lookedMs = first?.atMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Do the live tables change, or is it not known yet? */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Events that the next transaction may have. */
  batchEventsMax(otherwise: number): number {
    return this.#isBusy ? Math.min(this.#limits.busyBatchEventsMax, otherwise) : otherwise;
  }

  /** Events that may be read ahead of the transactions. */
  readAheadMax(otherwise: number): number {
    return this.#isBusy ? Math.min(this.#limits.busyReadAheadMax, otherwise) : otherwise;
  }

  /**
   * How long to rest after a transaction that took `workedMs`, in ms. The first rest ends when it
   * can be known whether the live tables change. If they do not, a longer rest is lost time.
   */
  async restMs(events: number, workedMs: number): Promise<number> {
    const { busyEventsPerSecond, lookMs } = this.#limits;
    const now = performance.now();
    if (now - this.#lookedMs >= lookMs) {
      this.#lookedMs = now;
      const at = await this.#look();
      this.#isKnown = this.#last !== undefined;
      this.#isBusy = at !== this.#last;
      this.#last = at;
    }
    if (!this.#isBusy) return 0;
    const rest = Math.max(0, (1_000 * events) / busyEventsPerSecond - workedMs);
    const nextLook = Math.max(0, this.#lookedMs + lookMs - performance.now());
    return this.#isKnown ? rest : Math.min(rest, nextLook);
  }
}
