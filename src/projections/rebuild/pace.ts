/** How a rebuild makes way for buyers. */
export interface PaceLimits {
  /** Share of its time that it works while the live tables change. Default 0.25. */
  readonly busyShare: number;
  /** Events of one transaction then: what buyers wait behind is short. Default 500. */
  readonly busyBatchEventsMax: number;
  /** Longest rest between two transactions, in ms. Default 1,000. */
  readonly restMsMax: number;
  /** From one look at the live tables to the next, in ms. Default 200. */
  readonly lookMs: number;
}

export const paceDefaults: PaceLimits = {
  busyShare: 0.25,
  busyBatchEventsMax: 500,
  restMsMax: 1_000,
  lookMs: 200,
};

/** Works without a rest while the live tables stay as they are, and rests between short steps while they change. */
export class Pace {
  private readonly limits: PaceLimits;
  private readonly look: () => Promise<bigint | null>;
  private last: bigint | null | undefined;
  private lookedMs = Number.NEGATIVE_INFINITY;
  private isBusy = false;

  /** @param look tells which event is the last in the live tables */
  constructor(limits: PaceLimits, look: () => Promise<bigint | null>) {
    this.limits = limits;
    this.look = look;
  }

  /** Events that the next transaction may have. */
  batchEventsMax(otherwise: number): number {
    return this.isBusy ? Math.min(this.limits.busyBatchEventsMax, otherwise) : otherwise;
  }

  /** How long to rest after a transaction, in ms. */
  async restMs(workedMs: number): Promise<number> {
    const now = performance.now();
    if (now - this.lookedMs >= this.limits.lookMs) {
      this.lookedMs = now;
      const at = await this.look();
      this.isBusy = this.last !== undefined && at !== this.last;
      this.last = at;
    }
    if (!this.isBusy) return 0;
    const { busyShare, restMsMax } = this.limits;
    return Math.min(restMsMax, workedMs * (1 / busyShare - 1));
  }
}
