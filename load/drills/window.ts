/** Every request is answered within this, by a 503 if need be; in milliseconds. */
export const slowestMs = 5_000;

/** One request, as its buyer saw it. */
export interface Seen {
  /** The service that was asked, by its index. */
  readonly at: number;
  /** A reservation or a payment. */
  readonly isWrite: boolean;
  /** Why the answer was no good one; undefined for a good one. */
  readonly kind: string | undefined;
  readonly tookMs: number;
  readonly late: boolean;
}

/** What buyers saw from a fault on until all was well again. */
export class Window {
  readonly beganMs = performance.now();
  readonly failed = new Map<string, number>();
  requests = 0;
  late = 0;
  slowestMs = 0;
  /** Good answers to writes, over all services. */
  writes = 0;
  #longestMs = 0;
  readonly #lastGoodMs: number[];

  constructor(services: number) {
    this.#lastGoodMs = new Array<number>(services).fill(this.beganMs);
  }

  saw({ at, isWrite, kind, tookMs, late }: Seen): void {
    this.requests += 1;
    this.slowestMs = Math.max(this.slowestMs, tookMs);
    if (late) this.late += 1;
    if (kind !== undefined) this.failed.set(kind, (this.failed.get(kind) ?? 0) + 1);
    else if (isWrite) this.#good(at);
  }

  /** Answers that no outage explains: neither good nor a 503 nor none at all. */
  get wrong(): number {
    const kinds = [...this.failed].filter(([kind]) => !/^(503|no answer)/.test(kind));
    return kinds.reduce((sum, [, count]) => sum + count, 0);
  }

  get failedTotal(): number {
    return [...this.failed.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * The longest time in which a service gave no good answer to a reservation or a payment, in
   * seconds.
   */
  get longestSeconds(): number {
    return this.#longestMs / 1_000;
  }

  /** Nothing is seen any more. */
  close(): void {
    const nowMs = performance.now();
    for (const lastMs of this.#lastGoodMs) {
      this.#longestMs = Math.max(this.#longestMs, nowMs - lastMs);
    }
  }

  #good(at: number): void {
    const nowMs = performance.now();
    this.writes += 1;
    this.#longestMs = Math.max(this.#longestMs, nowMs - (this.#lastGoodMs[at] ?? nowMs));
    this.#lastGoodMs[at] = nowMs;
  }
}
