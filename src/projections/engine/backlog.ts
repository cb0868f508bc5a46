import assert from 'node:assert/strict';
import { isBefore, type LogPosition } from '../../events/log-position.ts';
import type { Step } from '../log-step.ts';

export interface BacklogLimits {
  /** Steps that may wait. At this number, the service pauses reading the log. */
  readonly stepsMax: number;
  /**
   * Rows that the waiting steps may change together. At this number, the service pauses reading the
   * log.
   */
  readonly rowsMax: number;
}

const rowsOf = ({ changes }: Step): number => {
  let rows = 0;
  for (const change of changes) rows += change.kind === 'put' ? change.rows.length : 1;
  return rows;
};

/**
 * A position is not after the position before it. This is a fault of the event store, and nothing
 * is written.
 */
export class OutOfOrder extends Error {
  constructor(after: LogPosition | null, position: LogPosition) {
    const at = ({ commit, prepare }: LogPosition) => `${commit}/${prepare}`;
    super(`position ${at(position)} came after ${after === null ? 'the start' : at(after)}`);
    this.name = 'OutOfOrder';
  }
}

/**
 * The steps that were read from the log and are not yet committed, strictly ascending. A step stays
 * until its commit is known. So the writer simply takes a failed batch again.
 */
export class Backlog {
  #steps: Step[] = [];
  /** The rows that each step changes. */
  #rowCounts: number[] = [];
  #rows = 0;
  #eventCount = 0;
  #room: (() => void) | undefined;
  /** The position of the newest step, even if it was taken out. */
  #last: LogPosition | null = null;
  readonly #limits: BacklogLimits;

  constructor(limits: BacklogLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#steps.length;
  }

  /** Steps that are events. */
  get events(): number {
    return this.#eventCount;
  }

  get oldest(): Step | undefined {
    return this.#steps[0];
  }

  get isFull(): boolean {
    return this.#steps.length >= this.#limits.stepsMax || this.#rows >= this.#limits.rowsMax;
  }

  /**
   * Consecutive stretches without events become one.
   * @throws OutOfOrder
   */
  push(step: Step): void {
    if (!isBefore(this.#last, step.position)) throw new OutOfOrder(this.#last, step.position);
    this.#last = step.position;
    if (!step.isEvent && this.#steps.at(-1)?.isEvent === false) {
      this.#steps.pop();
      this.#rowCounts.pop();
    }
    const rows = rowsOf(step);
    this.#steps.push(step);
    this.#rowCounts.push(rows);
    this.#rows += rows;
    if (step.isEvent) this.#eventCount += 1;
  }

  /** Resolves when there is room. One reader waits at a time. */
  whenRoom(): Promise<void> {
    if (!this.isFull) return Promise.resolve();
    assert(this.#room === undefined, 'two readers wait for room');
    return new Promise((resolve) => {
      this.#room = resolve;
    });
  }

  /** The first steps, at least one and then as many as the limits allow. They are not taken out. */
  first(stepsMax: number, rowsMax: number): readonly Step[] {
    assert(stepsMax >= 1 && rowsMax >= 1, `${stepsMax} steps and ${rowsMax} rows`);
    let count = 0;
    let rows = 0;
    for (const ofStep of this.#rowCounts) {
      rows += ofStep;
      if (count > 0 && (rows > rowsMax || count >= stepsMax)) break;
      count += 1;
    }
    return this.#steps.slice(0, count);
  }

  /** PostgreSQL refuses the rows of an event. */
  markUnreadable(id: string, why: string): void {
    const at = this.#steps.findIndex(({ event }) => event?.id === id);
    const step = this.#steps[at];
    if (step?.event === undefined) return;
    this.#steps[at] = { ...step, event: { ...step.event, unreadable: why } };
  }

  /** Takes out the steps up to a position (inclusive). */
  takeThrough(position: LogPosition): readonly Step[] {
    let count = 0;
    for (const step of this.#steps) {
      if (isBefore(position, step.position)) break;
      this.#rows -= this.#rowCounts[count] ?? 0;
      if (step.isEvent) this.#eventCount -= 1;
      count += 1;
    }
    this.#rowCounts.splice(0, count);
    const taken = this.#steps.splice(0, count);
    if (!this.isFull) this.makeRoom();
    return taken;
  }

  /** Empties it: the next step is after this position. */
  startAfter(position: LogPosition | null): void {
    this.#last = position;
    this.#steps = [];
    this.#rowCounts = [];
    this.#rows = 0;
    this.#eventCount = 0;
    this.makeRoom();
  }

  /** Ends the reader's wait for room. */
  makeRoom(): void {
    this.#room?.();
    this.#room = undefined;
  }
}
