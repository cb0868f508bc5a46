import type { Step, StepEvent } from '../log-step.ts';

/** Events of a stream that are kept from the tables, each waiting behind the one before. */
export interface ParkedEvents {
  readonly stream: string;
  /** Of the first of them. */
  readonly revision: bigint;
  readonly position: bigint;
  readonly type: string;
  /** Why it is parked. */
  readonly error: string;
  /** How many they are. */
  readonly events: number;
}

/** More events would be parked than may be. */
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

/** What a batch comes to. */
export interface Sorted {
  /** Those that are parked with it change nothing. Fewer than were given when no more events may be parked. */
  readonly steps: readonly Step[];
  /** Of streams that are parked with this batch: all. Of streams that were parked before: the events that come on top. */
  readonly parked: readonly ParkedEvents[];
}

/**
 * Which streams are parked, as the tables at the checkpoint have it. An event that cannot be read, or whose rows cannot be
 * written, is parked, and with it every later one of its stream: rows would be wrong if they were written without it.
 * Other streams go on.
 */
export class Parking {
  /** Of each parked stream, the position of its first event that is not in the tables. */
  readonly #since = new Map<string, bigint>();
  #count = 0;

  constructor(parked: readonly Pick<ParkedEvents, 'stream' | 'position' | 'events'>[] = []) {
    this.add(parked);
  }

  /** Events that are parked. */
  get events(): number {
    return this.#count;
  }

  has(stream: string): boolean {
    return this.#since.has(stream);
  }

  add(parked: readonly Pick<ParkedEvents, 'stream' | 'position' | 'events'>[]): void {
    for (const { stream, position, events } of parked) {
      if (!this.#since.has(stream)) this.#since.set(stream, position);
      this.#count += events;
    }
  }

  /** Decides what becomes of steps after the checkpoint; `add` what is parked once they are written. */
  sort(batch: readonly Step[], eventsMax: number): Sorted {
    if (this.#since.size === 0 && !batch.some(isUnreadable)) return { steps: batch, parked: [] };
    const parked = new Map<string, ParkedEvents>();
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
      // An older version may have parked its stream.
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

  /** Steps up to the checkpoint as the tables have them: what is parked changes nothing. */
  shown(steps: readonly Step[]): readonly Step[] {
    if (this.#since.size === 0) return steps;
    return steps.map((step) => (this.#isParked(step) ? { ...step, changes: [] } : step));
  }

  /** The first of these steps, up to the checkpoint, that the tables have although this version cannot read it. */
  missed(steps: readonly Step[]): Step | undefined {
    return steps.find((step) => isUnreadable(step) && !this.#isParked(step));
  }

  #isParked({ event, position }: Step): boolean {
    const since = event && this.#since.get(event.stream);
    return since !== undefined && since <= position.commit;
  }
}

const isUnreadable = ({ event }: Step): boolean => event?.unreadable !== undefined;
