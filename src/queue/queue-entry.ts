/** Where a user stands. Times are milliseconds, `expiresAt` milliseconds since the epoch. */
export interface QueueEntry {
  readonly userId: string;
  /** True once admitted: the token opens reservation and payment. */
  readonly processing: boolean;
  /** `<user id>.<32 random characters>`, the user's while the place is. */
  readonly token: string;
  /**
   * Users in front of this one who are there; 0 when admitted or next. Null until places by lot are
   * drawn and known.
   */
  readonly ahead: number | null;
  /** 1 is next; 0 when admitted; null as `ahead`. */
  readonly position: number | null;
  /** When the sale opens, while nobody is admitted before. */
  readonly opensAt?: number;
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
 * nobody is, until somebody resumes it. `not-open`: nobody is before the sale opens.
 */
export type EstimateReason = 'nobody-admitted' | 'paused' | 'not-open';

/**
 * The entry of a waiting user, for whom `ahead` others who are there wait in front; null: nobody
 * knows yet.
 */
export function waitingEntry(standing: {
  readonly userId: string;
  readonly token: string;
  readonly ahead: number | null;
  readonly perSecond: number;
  readonly retryAfterMs: number;
  readonly expiresAt: number;
  readonly isPaused: boolean;
  /** Undefined when the sale is open. */
  readonly opensAt: number | undefined;
}): QueueEntry {
  const { perSecond, isPaused, opensAt, ...told } = standing;
  const position = told.ahead === null ? null : told.ahead + 1;
  const opening = opensAt === undefined ? {} : { opensAt };
  const waiting = { ...told, processing: false, position, ...opening };
  if (opensAt !== undefined || isPaused || position === null || perSecond === 0) {
    const isOpen = opensAt === undefined && position !== null;
    const estimateReason = isPaused ? 'paused' : isOpen ? 'nobody-admitted' : 'not-open';
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
