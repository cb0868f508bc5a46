import assert from 'node:assert/strict';
import type { Step, StepEvent } from '../log-step.ts';

/**
 * The parked streams, in memory. An event is parked if it cannot be read, or if its rows cannot be
 * written. Every later event of its stream is parked, too, because its rows would be wrong without
 * the first one. Events of other streams are written as usual.
 */

/** A stream some of whose events are not in the tables. */
export interface ParkedStream {
  readonly stream: string;
  /** The revision of its first parked event. The position and the type are also of this event. */
  readonly revision: bigint;
  readonly position: bigint;
  readonly type: string;
  /** Why it is parked. */
  readonly error: string;
  /** How many of its events are parked. */
  readonly events: number;
}

/** The part of a parked stream that is kept in memory. */
export type ParkedFrom = Pick<ParkedStream, 'stream' | 'position' | 'events'>;

/** One more event must be parked, but the limit of parked events is reached. */
export class TooManyParked extends Error {
  constructor(eventsMax: number, next: StepEvent | undefined) {
    const one = next?.unreadable ?? `event ${next?.revision}@${next?.stream} has to wait`;
    super(
      `${one}; ${eventsMax} events are parked, as many as may be: run reprise projections retry with a version that ` +
        'can read them, then start the service anew',
    );
    this.name = 'TooManyParked';
  }
}

/** A batch in the form in which it is written. */
export interface SortedBatch {
  /** Parked events change nothing. The batch ends early if no more events may be parked. */
  readonly steps: readonly Step[];
  /**
   * The streams that are parked with the batch. If a stream was parked before, this has only its
   * events in this batch, which are added to the earlier ones.
   */
  readonly parked: readonly ParkedStream[];
}

/** The parked streams of the tables at the checkpoint. */
export class ParkedStreams {
  /** Of each parked stream, the position of its first event that is not in the tables. */
  readonly #since = new Map<string, bigint>();
  #count = 0;

  constructor(parked: readonly ParkedFrom[] = []) {
    this.add(parked);
  }

  /** Events that are parked. */
  get events(): number {
    return this.#count;
  }

  has(stream: string): boolean {
    return this.#since.has(stream);
  }

  add(parked: readonly ParkedFrom[]): void {
    for (const { stream, position, events } of parked) {
      assert(events > 0, `${stream} is parked without an event`);
      if (!this.#since.has(stream)) this.#since.set(stream, position);
      this.#count += events;
    }
  }

  /**
   * Decides which steps after the checkpoint are parked. It changes no state. Call `add` with
   * `parked` after the batch is written.
   */
  sort(batch: readonly Step[], eventsMax: number): SortedBatch {
    if (this.#since.size === 0 && !batch.some(isUnreadable)) return { steps: batch, parked: [] };
    const parked = new Map<string, ParkedStream>();
    const steps: Step[] = [];
    let room = eventsMax - this.#count;
    for (const step of batch) {
      const { event } = step;
      if (event === undefined) {
        steps.push(step);
        continue;
      }
      const { stream, revision, type, unreadable, isForeign } = event;
      const position = step.position.commit;
      const before = parked.get(stream);
      // An older version may have parked the stream of a foreign event.
      if (isForeign || (unreadable === undefined && before === undefined && !this.has(stream))) {
        steps.push(step);
        continue;
      }
      if (room <= 0) break;
      room -= 1;
      const first = { stream, revision, position, type, error: unreadable ?? '', events: 0 };
      parked.set(stream, { ...(before ?? first), events: (before?.events ?? 0) + 1 });
      steps.push({ ...step, changes: [] });
    }
    return { steps, parked: [...parked.values()] };
  }

  /** Steps up to the checkpoint as they are in the tables: a parked event changes nothing. */
  withoutParked(steps: readonly Step[]): readonly Step[] {
    if (this.#since.size === 0) return steps;
    return steps.map((step) => (this.#isParked(step) ? { ...step, changes: [] } : step));
  }

  /** The first of these steps that this version cannot read, although the tables have it. */
  firstUnreadable(steps: readonly Step[]): Step | undefined {
    return steps.find((step) => isUnreadable(step) && !this.#isParked(step));
  }

  #isParked({ event, position }: Step): boolean {
    const since = event && this.#since.get(event.stream);
    return since !== undefined && since <= position.commit;
  }
}

const isUnreadable = ({ event }: Step): boolean => event?.unreadable !== undefined;
