/** Bounds of the clock, in milliseconds. */
export const clockLimits = {
  /** From one round of questions to the next. */
  measureMs: 5_000,
  /** Longest wait for one answer. */
  askMs: 1_000,
  /** The same at the start, where an answer is needed. */
  firstAskMs: 10_000,
  /**
   * Clocks that differ by no more than this agree. Two instances that agree with their servers
   * differ by no more either.
   */
  agreeMs: 2_000,
  /**
   * What a server said counts for this long; after as long without any, the time is called unknown.
   */
  freshMs: 60_000,
  /** A difference is made good by this much in a second. */
  slewMs: 10,
  /** Rounds in a row in which all servers say that it is later, before they are believed. */
  laterRounds: 2,
  /**
   * After such a step, earlier holds are judged by the earlier time, until this long after the
   * longest of them ends.
   */
  marginMs: 10_000,
} as const;
