import { isBefore, type LogPosition } from '../../events/log-position.ts';
import type { Step } from '../log-step.ts';

export interface BacklogLimits {
  /** Steps that may wait; reading the log pauses at it. */
  readonly stepsMax: number;
  /** Rows that the waiting steps may change together; reading the log pauses at it. */
  readonly rowsMax: number;
}

const rowsOf = ({ changes }: Step): number => {
  let rows = 0;
  for (const change of changes) rows += change.kind === 'put' ? change.rows.length : 1;
  return rows;
};

/** What comes next in the log is not after what came before: a fault of the store's port, which must not be written. */
export class OutOfOrder extends Error {
  constructor(after: LogPosition | null, position: LogPosition) {
    const at = ({ commit, prepare }: LogPosition) => `${commit}/${prepare}`;
    super(`position ${at(position)} came after ${after === null ? 'the start' : at(after)}`);
    this.name = 'OutOfOrder';
  }
}

/**
 * What was read from the log and is not yet committed, strictly ascending. A step stays until PostgreSQL has it, so a batch that
 * failed is simply taken again.
 */
export class Backlog {
  #steps: Step[] = [];
  #rows = 0;
  #eventCount = 0;
  #room: (() => void) | undefined;
  /** Of the step that came last, taken out or not. */
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

  /** Stretches without events that follow each other become one. @throws OutOfOrder */
  push(step: Step): void {
    if (!isBefore(this.#last, step.position)) throw new OutOfOrder(this.#last, step.position);
    this.#last = step.position;
    if (!step.isEvent && this.#steps.at(-1)?.isEvent === false) this.#steps.pop();
    this.#steps.push(step);
    this.#rows += rowsOf(step);
    if (step.isEvent) this.#eventCount += 1;
  }

  /** Resolves when there is room; its one caller is the reader of the log. */
  whenRoom(): Promise<void> {
    return this.isFull ? new Promise((resolve) => (this.#room = resolve)) : Promise.resolve();
  }

  /** The first steps, at least one and then as many as stay within the limits; they stay here. */
  first(stepsMax: number, rowsMax: number): readonly Step[] {
    let count = 0;
    let rows = 0;
    for (const step of this.#steps) {
      rows += rowsOf(step);
      if (count > 0 && (rows > rowsMax || count >= stepsMax)) break;
      count += 1;
    }
    return this.#steps.slice(0, count);
  }

  /** It turned out that an event's rows cannot be written. */
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
      this.#rows -= rowsOf(step);
      if (step.isEvent) this.#eventCount -= 1;
      count += 1;
    }
    const taken = this.#steps.splice(0, count);
    if (!this.isFull) this.makeRoom();
    return taken;
  }

  /** Empties it for what comes after a place. */
  startAfter(position: LogPosition | null): void {
    this.#last = position;
    this.#steps = [];
    this.#rows = 0;
    this.#eventCount = 0;
    this.makeRoom();
  }

  /** Lets the reader go on. */
  makeRoom(): void {
    this.#room?.();
    this.#room = undefined;
  }
}
