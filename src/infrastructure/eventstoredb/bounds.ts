/** Every wait and every growing thing of the connection to the log, with its default. */
export interface EventStoreBounds {
  /** An append without a clear answer is given up after this long. Default 4,000 ms. */
  readonly appendTimeoutMs: number;
  /**
   * One try of an append, and any silence of the server while it owes an answer: after it the
   * connection is taken for dead and replaced. The store itself gives a write up after 2,000 ms.
   * Default 2,000 ms.
   */
  readonly answerMs: number;
  /** A read that makes no progress is given up after this long. Default 4,000 ms. */
  readonly readTimeoutMs: number;
  /**
   * A quiet subscription is checked against the log's newest event this often. Default 2,000 ms.
   */
  readonly quietCheckMs: number;
  /**
   * A node that lacks an event which was read before is asked again for this long: after another
   * node's death it may be behind for a moment. Then the log is said to differ. Default 2,000 ms.
   */
  readonly behindMs: number;
  /**
   * First wait before another try; doubles up to `retryMaxMs`, each wait drawn between half and all
   * of it. Default 25 ms.
   */
  readonly retryFirstMs: number;
  /** Longest wait before another try. Default 500 ms. */
  readonly retryMaxMs: number;
  /** Appends under way at once; one more is refused as EventStoreUnavailable. Default 10,000. */
  readonly appendsInFlightMax: number;
  /**
   * Data and metadata of one append; more is refused before it is sent. Default 16 MiB (a gRPC
   * message ends at 17).
   */
  readonly appendBytesMax: number;
  /** Events that a read or subscription holds before its consumer takes them. Default 512. */
  readonly readAheadEvents: number;
}

export const defaultBounds: EventStoreBounds = {
  appendTimeoutMs: 4_000,
  answerMs: 2_000,
  readTimeoutMs: 4_000,
  quietCheckMs: 2_000,
  behindMs: 2_000,
  retryFirstMs: 25,
  retryMaxMs: 500,
  appendsInFlightMax: 10_000,
  appendBytesMax: 16 * 1024 * 1024,
  readAheadEvents: 512,
};
