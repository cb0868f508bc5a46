/**
 * The place of a user in the queue. Times are milliseconds, `expiresAt` is milliseconds since the
 * epoch.
 */
export interface QueueEntry {
  readonly userId: string;
  /** True once admitted: the token opens reservation and payment. */
  readonly processing: boolean;
  /** `<user id>.<32 random characters>`. It belongs to the user as long as the place exists. */
  readonly token: string;
  /**
   * The number of present users in front of this one; 0 when admitted or next. Null until the lot
   * is drawn and its places are known.
   */
  readonly ahead: number | null;
  /** 1 is next; 0 when admitted. Null when `ahead` is null. */
  readonly position: number | null;
  /** The time at which the queue opens, while nobody is admitted before it. */
  readonly opensAt?: number;
  /**
   * Estimated from the admissions of the last two minutes. 0 when admitted, null if there is no
   * estimate.
   */
  readonly estimatedWaitSeconds: number | null;
  /** Why there is no estimate. */
  readonly estimateReason?: EstimateReason;
  /** The time until the next poll. It is longer further back; 0 when admitted. */
  readonly retryAfterMs: number;
  /**
   * The end of the place. A poll before this time extends a waiting place. A further call before
   * this time claims an admission.
   */
  readonly expiresAt: number;
}

/**
 * `nobody-admitted`: nobody of the line was admitted in the last two minutes, or since it began.
 * `paused`: nobody is admitted until an operator resumes the queue. `not-open`: nobody is admitted
 * before the sale opens.
 */
export type EstimateReason = 'nobody-admitted' | 'paused' | 'not-open';

/** The facts that the queue knows about a waiting user. */
export interface Standing {
  readonly userId: string;
  readonly token: string;
  /** The number of present users in front; null if it is unknown yet. */
  readonly ahead: number | null;
  /** Admissions per second. */
  readonly perSecond: number;
  readonly retryAfterMs: number;
  readonly expiresAt: number;
  readonly isPaused: boolean;
  /** Undefined when the sale is open. */
  readonly opensAt: number | undefined;
}

/** The entry of a waiting user. Each poll makes one, so it copies no object. */
export function waitingEntry(standing: Standing): QueueEntry {
  const { userId, token, ahead, perSecond, retryAfterMs, expiresAt, opensAt } = standing;
  const position = ahead === null ? null : ahead + 1;
  const reason = reasonOf(standing);
  const isEstimated = reason === undefined && position !== null;
  const entry: { -readonly [key in keyof QueueEntry]: QueueEntry[key] } = {
    userId,
    processing: false,
    token,
    ahead,
    position,
    estimatedWaitSeconds: isEstimated ? Math.ceil(position / perSecond) : null,
    retryAfterMs,
    expiresAt,
  };
  if (opensAt !== undefined) entry.opensAt = opensAt;
  if (reason !== undefined) entry.estimateReason = reason;
  return entry;
}

function reasonOf({ isPaused, opensAt, ahead, perSecond }: Standing): EstimateReason | undefined {
  if (isPaused) return 'paused';
  if (opensAt !== undefined || ahead === null) return 'not-open';
  return perSecond === 0 ? 'nobody-admitted' : undefined;
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
