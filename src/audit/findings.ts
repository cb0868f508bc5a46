/**
 * What must not be, and is. `out-of-order`: somebody was passed who was there, for longer than a
 * pause between two polls. `over-limit`: admitted while as many were inside as may be. `twice`:
 * admitted while inside. `before-opening`: admitted before the sale opened, or before its
 * lot was drawn. `wrong-draw`: a draw of no lot, a second one, or one that came too early.
 * `while-paused`, `while-draining`: admitted, or enrolled, when nobody was
 * to be. `wrong-number`: enrolled later, with a lower number. `unreadable`: an event of the queue.
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

/** What departs from the plain order, with its reason. */
export type ExceptionCode =
  /** Passed by others while away: did not poll as told. */
  | 'away'
  /** Was admitted and did not claim it in time: the next had the place. */
  | 'unclaimed'
  /** The place that was kept for this user went to somebody in front who came back. */
  | 'gave-way'
  /** The queue was steered between the moment of being passed and the next poll. */
  | 'steered'
  /** The place that was kept for this user was there, and nothing moved: nobody was served. */
  | 'standstill'
  /** Waited when the line was emptied. */
  | 'cleared'
  /** More were inside than the limit, which had been lowered: nobody is thrown out. */
  | 'limit-lowered'
  /** Enrolled again while the log has a place: moves lost in a kill, or a key lost by Redis. */
  | 'enrolled-again'
  /** The log has no enrolment: lost in a kill, or more than 12 hours before the period. */
  | 'enrolment-not-in-log'
  /** The log has no end of a place that must be over: lost in a kill, or a key lost by Redis. */
  | 'end-not-in-log'
  /** The log has an end without its admission: lost in a kill. */
  | 'admission-not-in-log';

export interface Finding<Code> {
  readonly code: Code;
  /** '' for the line of the shop. */
  readonly room: string;
  /** '' when it is about nobody alone. */
  readonly userId: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly detail: string;
}

/** Findings of a kind: all are counted, the first ones kept. */
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
