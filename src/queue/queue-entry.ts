/** Where a user stands. Times are milliseconds, `expiresAt` milliseconds since the epoch. */
export interface QueueEntry {
  readonly userId: string;
  /** True once admitted: the token opens reservation and payment. */
  readonly processing: boolean;
  /** `<user id>.<32 random characters>`, the user's while the place is. */
  readonly token: string;
  /** Users in front of this one who are there; 0 when admitted or next. */
  readonly ahead: number;
  /** 1 is next; 0 when admitted. */
  readonly position: number;
  /**
   * From the admissions of the last two minutes; 0 when admitted, null while nothing can be said.
   */
  readonly estimatedWaitSeconds: number | null;
  /** Why nothing can be said. */
  readonly estimateReason?: EstimateReason;
  /** When to ask again: longer the further back; 0 when admitted. */
  readonly retryAfterMs: number;
  /**
   * When the place ends: of who waits, unless asked again by then; of an admission, unless it was
   * claimed by then.
   */
  readonly expiresAt: number;
}

/**
 * `nobody-admitted`: nobody of the line was in the last two minutes, or since it began. `paused`:
 * nobody is, until somebody resumes it.
 */
export type EstimateReason = 'nobody-admitted' | 'paused';

/** The entry of a waiting user, for whom `ahead` others who are there wait in front. */
export function waitingEntry(standing: {
  readonly userId: string;
  readonly token: string;
  readonly ahead: number;
  readonly perSecond: number;
  readonly retryAfterMs: number;
  readonly expiresAt: number;
  readonly isPaused: boolean;
}): QueueEntry {
  const { perSecond, isPaused, ...told } = standing;
  const position = told.ahead + 1;
  const waiting = { ...told, processing: false, position };
  if (isPaused || perSecond === 0) {
    const estimateReason = isPaused ? 'paused' : 'nobody-admitted';
    return { ...waiting, estimatedWaitSeconds: null, estimateReason };
  }
  return { ...waiting, estimatedWaitSeconds: Math.ceil(position / perSecond) };
}

/** The entry of an admitted user. */
export function admittedEntry(userId: string, token: string, expiresAt: number): QueueEntry {
  return {
    userId,
    processing: true,
    token,
    ahead: 0,
    position: 0,
    estimatedWaitSeconds: 0,
    retryAfterMs: 0,
    expiresAt,
  };
}
