/**
 * The kinds of violations. `out-of-order`: a present user was passed, for longer than a pause
 * between two polls. `over-limit`: a user was admitted while the limit of users inside was reached.
 * `twice`: a user was admitted while inside. `before-opening`: a user was admitted before the sale
 * opened, or before its lot was drawn. `wrong-draw`: a draw without a lot, a second draw, or a draw
 * that came too early. `while-paused`, `while-draining`: a user was admitted, or enrolled, although
 * this was stopped. `wrong-number`: a later enrolment has a lower number. `unreadable`: an event of
 * the queue.
 */
export type ViolationCode =
  | 'out-of-order'
  | 'over-limit'
  | 'twice'
  | 'while-paused'
  | 'while-draining'
  | 'before-opening'
  | 'wrong-draw'
  | 'wrong-number'
  | 'unreadable';

/** The kinds of exceptions from the plain order, with their reasons. */
export type ExceptionCode =
  /** Others passed the user, who was absent and did not poll in time. */
  | 'away'
  /** The user was admitted but did not claim the admission in time. The next user got the place. */
  | 'unclaimed'
  /** A user in front came back and got the place that was kept for this user. */
  | 'gave-way'
  /**
   * An operator steered the queue between the moment when the user was passed and the next poll.
   */
  | 'steered'
  /**
   * The place that was kept for this user was free, but nothing moved, because nobody was served.
   */
  | 'standstill'
  /** The user waited when an operator emptied the line. */
  | 'cleared'
  /**
   * More users were inside than the limit, because the limit was lowered. The queue removes nobody.
   */
  | 'limit-lowered'
  /** The user enrolled again while the log has a place. A kill lost moves, or Redis lost a key. */
  | 'enrolled-again'
  /** The log has no enrolment. A kill lost it, or it was more than 12 hours before the period. */
  | 'enrolment-not-in-log'
  /** The log has no end of a place that must be over. A kill lost it, or Redis lost a key. */
  | 'end-not-in-log'
  /** The log has an end without its admission, which a kill lost. */
  | 'admission-not-in-log';

export interface Finding<Code> {
  readonly code: Code;
  /** '' for the line of the shop. */
  readonly room: string;
  /** '' if the finding does not concern a single user. */
  readonly userId: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly detail: string;
}

/** Findings of one kind. All are counted, and the first ones are kept. */
export class Findings<Code extends string> {
  readonly #keptMax: number;
  readonly kept: Finding<Code>[] = [];
  readonly counts = new Map<Code, number>();
  total = 0;

  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  add(finding: Finding<Code>): void {
    this.total += 1;
    this.counts.set(finding.code, (this.counts.get(finding.code) ?? 0) + 1);
    if (this.kept.length < this.#keptMax) this.kept.push(finding);
  }
}
