/** The bounds of the connection to the log, with their defaults. */
export interface EventStoreBounds {
  /** An append without a clear answer is given up after this long. Default 4,000 ms. */
  readonly appendTimeoutMs: number;
  /**
   * The time limit of one try of an append, and of any silence of the server while an answer is
   * due. After it, the connection counts as dead and is replaced. The store itself gives up a write
   * after 2,000 ms. Default 2,000 ms.
   */
  readonly answerMs: number;
  /** A read that makes no progress is given up after this long. Default 4,000 ms. */
  readonly readTimeoutMs: number;
  /**
   * A quiet subscription is checked against the log's newest event this often. Default 2,000 ms.
   */
  readonly quietCheckMs: number;
  /**
   * If a node lacks an event that was read before, the service asks it again for this long. After
   * the failure of another node, it may be behind for a moment. After this time, the log counts as
   * different. Default 2,000 ms.
   */
  readonly behindMs: number;
  /**
   * First wait before another try. It doubles up to `retryMaxMs`. Each wait is a random time
   * between half and all of it. Default 25 ms.
   */
  readonly retryFirstMs: number;
  /** Longest wait before another try. Default 500 ms. */
  readonly retryMaxMs: number;
  /** Appends under way at once; one more is refused as EventStoreUnavailable. Default 10,000. */
  readonly appendsInFlightMax: number;
  /**
   * The largest data and metadata of one append. More is refused before it is sent. Default 16 MiB
   * (a gRPC message has at most 17).
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
