/**
 * The waiting queue: who may buy now. The port; `redis-queue.ts` and `in-process-queue.ts` implement it and pass the
 * same contract tests. It delays buyers and never grants a seat or money.
 */
export interface WaitingQueue {
  /**
   * One poll: ends places that are over, admits from the front while there is room, enrols the user at the back if
   * new (who is admitted at once when there is room and nobody in front), renews the user's own place, and tells where
   * the user stands. Polls alone renew an admitted place for `polledMs` at most. One atomic step of bounded work: what it leaves undone, the next poll does.
   * @throws QueueUnavailable; QueueFull when `waitingMax` buyers wait already
   */
  poll(userId: string): Promise<Place>;

  /**
   * May the bearer of this token act for this user now? Renews an admitted place (sliding). Tokens are compared in
   * constant time. @throws QueueUnavailable
   */
  authorize(userId: string, token: string): Promise<Authorization>;

  /**
   * The user has paid: the place is kept for `afterPaymentMs` only; any further call of that user renews it to its
   * full time, so buyers who leave make room and buyers who go on are not thrown out. @throws QueueUnavailable
   */
  shorten(userId: string): Promise<void>;

  /** Answers within `timeoutMs` whether the queue can be reached. Never throws. */
  reachable(timeoutMs: number): Promise<boolean>;

  close(): Promise<void>;
}

/** Where a user stands. Times are milliseconds, `expiresAt` milliseconds since the epoch. */
export interface Place {
  readonly userId: string;
  /** True once admitted: the token opens reservation and payment. */
  readonly processing: boolean;
  /** Random, bound to the user, valid while the place is. */
  readonly token: string;
  /** Waiting users in front of this one; 0 when admitted or next. */
  readonly ahead: number;
  /** 1 is next; 0 when admitted. */
  readonly position: number;
  /** From the rate of recent admissions; 0 when admitted. */
  readonly estimatedWaitSeconds: number;
  /** When to ask again: longer the further back, 1,000 to 10,000; 0 when admitted. */
  readonly retryAfterMs: number;
  /** When the place ends unless it is used. */
  readonly expiresAt: number;
}

export type Authorization =
  | 'admitted'
  /** The token is this user's, who still waits. */
  | 'waiting'
  /** The token is somebody else's. */
  | 'not-yours'
  /** No such token: never given, or its place ended. */
  | 'unknown';

/** Settings of a queue; every number has a name and a unit. */
export interface QueueSettings {
  /** Places that are admitted at the same time. Default 30. */
  readonly admittedMax: number;
  /** Users that may wait at the same time. Default 1,000,000. */
  readonly waitingMax: number;
  /**
   * An admitted place ends after this long without use. Default 300,000. Who is admitted while not polling has only what
   * was left of `waitingMs` to come.
   */
  readonly admittedMs: number;
  /**
   * An admitted place ends this long after it was admitted or authorized last, however often it is polled: a forgotten
   * page keeps none. Default 900,000.
   */
  readonly polledMs: number;
  /** A waiting place ends after this long without a poll. Default 60,000. */
  readonly waitingMs: number;
  /** What paying leaves of an admitted place. Default 5,000. */
  readonly afterPaymentMs: number;
}

/** The queue gave no answer in time. HTTP says 503 with Retry-After. */
export class QueueUnavailable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'QueueUnavailable';
  }
}

/** `waitingMax` users wait already. HTTP says 503 with Retry-After. */
export class QueueFull extends Error {
  constructor() {
    super('the waiting queue is full');
    this.name = 'QueueFull';
  }
}
