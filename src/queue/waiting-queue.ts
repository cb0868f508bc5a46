import type { QueueControl } from './queue-control.ts';
import type { QueueEntry } from './queue-entry.ts';

/**
 * One room of the waiting queue: who may buy now. The port; `redis-queue.ts` and
 * `in-process-queue.ts` implement it and pass the same contract tests. It delays buyers and never
 * grants a seat or money.
 *
 * A user waits, is admitted, and claims the admission by a further call within `claimMs`. Who does
 * not gives the place to the next, and waits again with the number of before: in front of all who
 * came later. Who waits is there or away: away is who did not ask again when told to. Users who are
 * away hold nobody up, and keep their number for `waitingMs`.
 */
export interface WaitingQueue {
  /**
   * One poll: ends places that are over, enrols the user at the back if new, admits the user when
   * there is room for all who are there in front and for this one, and tells where the user stands.
   * A poll of an admitted user claims the place and does not lengthen it any further. One atomic
   * step of bounded work: what it leaves undone, the next does.
   * @throws QueueUnavailable; QueueFull when `waitingMax` buyers wait already, or there is no
   *   memory for one more; QueueDraining when nobody new enrols
   */
  poll(userId: string): Promise<QueueEntry>;

  /**
   * May the bearer of this token act for this user now? Claims the place, and does not lengthen it
   * any further. Tokens are compared in constant time. @throws QueueUnavailable
   */
  authorize(userId: string, token: string): Promise<Authorization>;

  /**
   * The user holds a seat now, for `heldMs`: an admitted place gets its full time again, up to
   * `placeMaxMs`. Its token is known until the hold ends, also when the place ends before. @throws
   * QueueUnavailable
   */
  renew(userId: string, heldMs: number): Promise<void>;

  /**
   * The user has paid: an admitted place is kept for `afterPaymentMs` only, unless another seat is
   * held meanwhile. So buyers who leave make room. @throws QueueUnavailable
   */
  shorten(userId: string): Promise<void>;

  /**
   * How it is steered from now on. Of several instances of one queue the highest revision counts
   * for all.
   */
  steer(control: QueueControl): void;

  /** How it is steered, as far as this instance knows. */
  readonly limits: QueueLimits;

  /** @throws QueueUnavailable */
  counts(): Promise<QueueCounts>;

  /** Answers within `timeoutMs` whether the queue can be reached, and written to. Never throws. */
  reachable(timeoutMs: number): Promise<boolean>;

  close(): Promise<void>;
}

/** How many users the queue has. */
export interface QueueCounts {
  /** Who waits, with those who are away. */
  readonly waiting: number;
  /** Who waits and is there. */
  readonly there: number;
  readonly admitted: number;
}

/** What bounds the admissions now. */
export interface QueueLimits {
  /** Buyers that may be inside at the same time. */
  readonly places: number;
  /** Nobody is admitted, by an operator's will. */
  readonly isPaused: boolean;
}

export type Authorization =
  | 'admitted'
  /** The token is this user's, who still waits, or waits again. */
  | 'waiting'
  /**
   * The token was this user's, whose place has ended, and who held a seat by it that may be unpaid
   * still.
   */
  | 'holding'
  /** The token is somebody else's. */
  | 'not-yours'
  /** The token names another room of the queue, which alone knows whether it is true. */
  | 'other-room'
  /** No such token: never given, or its place ended. */
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
  /**
   * An admitted place ends this long after the admission, whatever its user does. Default 900,000.
   */
  readonly placeMaxMs: number;
  /**
   * A waiting place ends this long after its next poll was due. Default 150,000: two timers of a
   * hidden tab.
   */
  readonly waitingMs: number;
  /** Longest pause between two polls that is told, without its jitter. Default 20,000. */
  readonly pauseMaxMs: number;
  /** What paying leaves of an admitted place. Default 5,000. */
  readonly afterPaymentMs: number;
}

/**
 * `waitingMax` users wait already, or there is no memory for one more. HTTP says 503 with
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
