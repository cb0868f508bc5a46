/** Every request must be answered within this time, if necessary with 503; in milliseconds. */
export const slowestMs = 5_000;

/** One request and its answer. */
export interface Seen {
  /** The index of the service. */
  readonly at: number;
  /** A reservation or a payment. */
  readonly isWrite: boolean;
  /** Why the request failed; undefined when it succeeded. */
  readonly kind: string | undefined;
  readonly tookMs: number;
  readonly late: boolean;
}

/** The requests of buyers, from a fault until everything works again. */
export class Window {
  readonly beganMs = performance.now();
  readonly failed = new Map<string, number>();
  requests = 0;
  late = 0;
  slowestMs = 0;
  /** Successful writes at all services. */
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

  /** Answers that no outage explains: not a success, not a 503, and not a missing answer. */
  get wrong(): number {
    const kinds = [...this.failed].filter(([kind]) => !/^(503|no answer)/.test(kind));
    return kinds.reduce((sum, [, count]) => sum + count, 0);
  }

  get failedTotal(): number {
    return [...this.failed.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * The longest time in which a service gave no successful answer to a reservation or a payment, in
   * seconds.
   */
  get longestSeconds(): number {
    return this.#longestMs / 1_000;
  }

  /** Ends the recording. */
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
