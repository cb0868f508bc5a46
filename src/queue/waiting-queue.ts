import type { QueueControl } from './queue-control.ts';
import type { QueueEntry } from './queue-entry.ts';

/**
 * One room of the waiting queue. It decides who may buy now. This is the port; `redis-queue.ts` and
 * `in-process-queue.ts` implement it and pass the same contract tests. The queue delays buyers. It
 * never gives a seat or money.
 *
 * A user waits, is admitted, and claims the admission by a further call within `claimMs`. If the
 * user does not claim it, the next user gets the place. The late user waits again with the old
 * number, in front of all later users. A waiting user is present or absent (`there` or `away`). A
 * user who did not poll in time is absent. Absent users delay nobody, and keep their number for
 * `waitingMs`.
 */
export interface WaitingQueue {
  /**
   * One poll. It ends places that are over, and enrols a new user at the back. It admits the user
   * if there is room for this user and all present users in front. It returns the user's place. A
   * poll of an admitted user claims the place, but does not extend it. It is one atomic step of
   * bounded work; the next call does the rest.
   * @throws QueueUnavailable; QueueFull if `waitingMax` users already wait, or if there is no
   * memory for one more; QueueDraining if the queue accepts no new users
   */
  poll(userId: string): Promise<QueueEntry>;

  /**
   * May the bearer of this token act for this user now? Claims the place, but does not extend it.
   * Tokens are compared in constant time.
   * @throws QueueUnavailable
   */
  authorize(userId: string, token: string): Promise<Authorization>;

  /**
   * The user now holds a seat for `heldMs`. An admitted place gets its full time again, up to
   * `placeMaxMs`. The queue knows its token until the hold ends, even if the place ends before.
   * @throws QueueUnavailable
   */
  renew(userId: string, heldMs: number): Promise<void>;

  /**
   * The user has paid. An admitted place lasts only for `afterPaymentMs` more, unless the user
   * holds another seat meanwhile. So buyers who have finished free their places.
   * @throws QueueUnavailable
   */
  shorten(userId: string): Promise<void>;

  /**
   * Sets the steering. If instances of one queue have different revisions, the highest one counts
   * for all.
   */
  steer(control: QueueControl): void;

  /** The steering that this instance knows. */
  readonly limits: QueueLimits;

  /** @throws QueueUnavailable */
  counts(): Promise<QueueCounts>;

  /** Can the queue be reached and written to? Answers within `timeoutMs`. Never throws. */
  reachable(timeoutMs: number): Promise<boolean>;

  close(): Promise<void>;
}

/** The number of users of the queue, by state. */
export interface QueueCounts {
  /** Waiting users, including absent ones. */
  readonly waiting: number;
  /** Waiting users who are present. */
  readonly there: number;
  readonly admitted: number;
}

/** The current bounds of admissions. */
export interface QueueLimits {
  /** Buyers that may be admitted at the same time. */
  readonly places: number;
  /** True if an operator has paused admissions. */
  readonly isPaused: boolean;
  /** Nobody is admitted before, because a lot decides the order; milliseconds since the epoch. */
  readonly opensAtMs?: number;
}

export type Authorization =
  | 'admitted'
  /** The token belongs to this user, who still waits, or waits again. */
  | 'waiting'
  /**
   * The token belonged to this user. Its place has ended, but the user held a seat with it that may
   * still be unpaid.
   */
  | 'holding'
  /** The token belongs to another user. */
  | 'not-yours'
  /** The token names another room of the queue. Only that room knows whether the token is valid. */
  | 'other-room'
  /** The token is unknown: it was never given, or its place has ended. */
  | 'unknown';

/** Settings of a queue; every number has a name and a unit. */
export interface QueueSettings {
  /** Places that are admitted at the same time. Default 30. */
  readonly admittedMax: number;
  /** Users that may wait at the same time. Default 1,000,000. */
  readonly waitingMax: number;
  /** An admission that is not claimed for this long passes to the next. Default 30,000. */
  readonly claimMs: number;
  /**
   * An admitted place ends this long after it was claimed, or after a seat was held last. Default
   * 300,000.
   */
  readonly admittedMs: number;
  /** An admitted place always ends this long after the admission. Default 900,000. */
  readonly placeMaxMs: number;
  /**
   * A waiting place ends this long after its next poll was due. Default 150,000: two timers of a
   * hidden tab.
   */
  readonly waitingMs: number;
  /**
   * Longest pause between two polls that the queue asks for, without its jitter. Default 20,000.
   */
  readonly pauseMaxMs: number;
  /** An admitted place ends this long after a payment. Default 5,000. */
  readonly afterPaymentMs: number;
}

/**
 * `waitingMax` users already wait, or there is no memory for one more. HTTP answers 503 with
 * Retry-After.
 */
export class QueueFull extends Error {
  constructor() {
    super('the waiting queue is full');
    this.name = 'QueueFull';
  }
}

/** The queue accepts no new users (`reprise queue drain`). HTTP says 503 with Retry-After. */
export class QueueDraining extends Error {
  constructor() {
    super('the waiting queue accepts no new users');
    this.name = 'QueueDraining';
  }
}
