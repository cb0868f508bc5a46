/**
 * What happened to a user's place: the kind, the user, the number, and when, in milliseconds since
 * the epoch. `unclaimed`: the user waits again. `cleared` is about everybody who waited.
 *
 * `away`: the user did not poll as told from then on, until `back` or `left`, with which it comes.
 * It is told only of who was passed by a higher number, to show that this was fair.
 */
export type QueueMove = [
  kind: 'enrolled' | 'admitted' | 'unclaimed' | 'away' | 'back' | 'left' | 'ended' | 'cleared',
  userId: string,
  number: number,
  atMs: number,
];

/** Where a user stands by the log. */
export interface KnownPlace {
  readonly userId: string;
  readonly number: number;
  /** When the user was admitted, in milliseconds since the epoch; undefined: the user waits. */
  readonly admittedAt: number | undefined;
}

/** Where a queue keeps its moves, and from where it is rebuilt when it comes up empty. */
export interface QueueLog {
  /** Keeps a move, a moment later. Never waits, never throws. */
  note(move: QueueMove): void;
  /** Keeps what was noted so far. Never throws. */
  flush(): Promise<void>;
  /** Who has a place, by number. @throws when the log gives no answer */
  read(): Promise<readonly KnownPlace[]>;
}
