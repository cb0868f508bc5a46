/**
 * A move of a user's place: the kind, the user, the number, and the time in milliseconds since the
 * epoch. `unclaimed`: the user waits again. `cleared` concerns all waiting users.
 *
 * `away`: from this time on, the user did not poll in time, until `back` or `left`. It is reported
 * together with one of these. It is reported only if a user with a higher number was admitted
 * meanwhile, to show that this was fair.
 */
export type QueueMove = [
  kind: 'enrolled' | 'admitted' | 'unclaimed' | 'away' | 'back' | 'left' | 'ended' | 'cleared',
  userId: string,
  number: number,
  atMs: number,
];

/** The place of a user by the log. */
export interface KnownPlace {
  readonly userId: string;
  readonly number: number;
  /** The time of the admission, in milliseconds since the epoch; undefined if the user waits. */
  readonly admittedAt: number | undefined;
}

/** Keeps the moves of a queue. A queue that starts empty is rebuilt from it. */
export interface QueueLog {
  /** Keeps a move, a moment later. Never waits, never throws. */
  note(move: QueueMove): void;
  /** Keeps all moves that were noted so far. Never throws. */
  flush(): Promise<void>;
  /**
   * The users with a place, by number.
   * @throws when the log gives no answer
   */
  read(): Promise<readonly KnownPlace[]>;
}
