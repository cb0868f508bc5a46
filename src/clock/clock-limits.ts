/** Bounds of the clock, in milliseconds. */
export const clockLimits = {
  /** The time from one round of requests to the next. */
  measureMs: 5_000,
  /** Longest wait for one answer. */
  askMs: 1_000,
  /** The same at the start, where an answer is needed. */
  firstAskMs: 10_000,
  /**
   * Clocks agree if they differ by at most this. Two instances that agree with their servers also
   * differ by at most this.
   */
  agreeMs: 2_000,
  /**
   * A server's answer counts for this long. After the same time without any answer, the time is
   * unknown.
   */
  freshMs: 60_000,
  /** A difference is corrected by this much per second. */
  slewMs: 10,
  /**
   * The number of rounds in a row in which all servers must have a later time, before the service
   * follows them.
   */
  laterRounds: 2,
  /**
   * After such a step, the earlier time decides about earlier holds, until this long after the end
   * of the longest hold.
   */
  marginMs: 10_000,
} as const;
