import {
  decode,
  type RecordedEvent,
  type StoredEvent,
  UnreadableEvent,
} from '../../events/codec.ts';
import type { Skips } from '../../events/skipped.ts';
import type { RowChange } from '../models/row-change.ts';
import type { ParkedEvents } from './parked-streams.ts';
import type { StoredParked } from './parked-table.ts';

/** A parked event that can be read, or is skipped. */
export interface Ready {
  readonly event: RecordedEvent;
  /** Undefined when it is skipped. */
  readonly read: StoredEvent | undefined;
  /** None of one that is skipped. */
  readonly changes: readonly RowChange[];
}

/** A parked event that cannot be written, and why. */
export interface Stuck {
  readonly recorded: RecordedEvent;
  readonly error: string;
}

/** Where a parked stream begins, from where on it is parked. */
export type ParkedFrom = Omit<ParkedEvents, 'stream' | 'events'>;

/** A parked stream that is retried: what can be written of it, up to the first event that cannot. */
export class Waiting {
  readonly parked: StoredParked;
  ready: readonly Ready[];
  stuck: Stuck | undefined;

  /**
   * @param found the parked events that the log has, in order
   * @param skips which of them are skipped
   */
  constructor(
    parked: StoredParked,
    found: readonly RecordedEvent[],
    project: (event: StoredEvent) => readonly RowChange[],
    skips: Skips,
  ) {
    this.parked = parked;
    const ready: Ready[] = [];
    for (const recorded of found) {
      try {
        const read = skips.has(recorded) ? undefined : decode(recorded);
        const changes = read === undefined ? [] : project(read);
        ready.push({ event: recorded, read, changes });
      } catch (error) {
        if (!(error instanceof UnreadableEvent)) throw error;
        this.stuck = { recorded, error: error.message };
        break;
      }
    }
    this.ready = ready;
  }

  /** PostgreSQL refuses the rows of one: what comes after it waits. */
  refuse(stuck: Stuck): void {
    this.stuck = stuck;
    this.ready = this.ready.filter(({ event }) => event.revision < stuck.recorded.revision);
  }

  /** Where it begins when everything before a revision is written, or not in the log. */
  from(revision: bigint): ParkedFrom {
    const next = this.ready.find(({ event }) => event.revision >= revision)?.event;
    if (next !== undefined) return { ...from(next), error: 'not yet retried' };
    if (this.stuck !== undefined) return { ...from(this.stuck.recorded), error: this.stuck.error };
    const { revision: first, events, position, type } = this.parked;
    const last = this.ready.at(-1)?.event;
    return {
      revision: first + BigInt(events),
      // Where exactly the next one is does not count, as long as it is not before.
      position: last === undefined ? position : last.position + 1n,
      type,
      error: 'not yet retried',
    };
  }
}

const from = ({ revision, position, type }: RecordedEvent) => ({ revision, position, type });
