import { type EventStore, EventStoreUnavailable } from '../../commands/core/event-store.ts';
import {
  decode,
  type RecordedEvent,
  type StoredEvent,
  UnreadableEvent,
} from '../../events/codec.ts';
import type { Skips } from '../../events/skipped.ts';
import { streamPrefixes } from '../../events/streams.ts';
import { eventsToEnd } from '../engine/events-to-end.ts';
import type { RowChange } from '../models/row-change.ts';
import type { ParkedStream } from './parked-streams.ts';
import { isCutName, type ParkedStreamRow } from './parked-table.ts';

/** Reads parked streams from the log again, and finds their events that this version can write. */

/**
 * A read of the whole log names at most so many streams. For more, it reads all streams of Reprise.
 */
const prefixesMax = 50;

type Log = Pick<EventStore, 'readStream' | 'subscribe' | 'head'>;

/** A parked event that this version can write, or that is skipped. */
export interface ReadableEvent {
  readonly event: RecordedEvent;
  /** Undefined when it is skipped. */
  readonly read: StoredEvent | undefined;
  /** Empty when it is skipped. */
  readonly changes: readonly RowChange[];
}

/** A parked event that cannot be written. The later ones of its stream stay parked, too. */
export interface BlockingEvent {
  readonly recorded: RecordedEvent;
  readonly error: string;
}

/** The first parked event of a stream. */
export type FirstParked = Omit<ParkedStream, 'stream' | 'events'>;

/** A parked stream, and its events that can be written: all before the first blocking event. */
export class RetryableStream {
  readonly parked: ParkedStreamRow;
  readable: readonly ReadableEvent[];
  blocking: BlockingEvent | undefined;

  /**
   * @param found the parked events that the log has, in order
   * @param skips those that are skipped
   */
  constructor(
    parked: ParkedStreamRow,
    found: readonly RecordedEvent[],
    project: (event: StoredEvent) => readonly RowChange[],
    skips: Skips,
  ) {
    this.parked = parked;
    const readable: ReadableEvent[] = [];
    for (const recorded of found) {
      try {
        const read = skips.has(recorded) ? undefined : decode(recorded);
        const changes = read === undefined ? [] : project(read);
        readable.push({ event: recorded, read, changes });
      } catch (error) {
        if (!(error instanceof UnreadableEvent)) throw error;
        this.blocking = { recorded, error: error.message };
        break;
      }
    }
    this.readable = readable;
  }

  /** PostgreSQL refuses the rows of an event. This event and the events after it stay parked. */
  block(blocking: BlockingEvent): void {
    this.blocking = blocking;
    const { revision } = blocking.recorded;
    this.readable = this.readable.filter(({ event }) => event.revision < revision);
  }

  /**
   * Its first parked event after all events before a revision are written, or are not in the log.
   */
  firstParkedFrom(revision: bigint): FirstParked {
    const next = this.readable.find(({ event }) => event.revision >= revision)?.event;
    if (next !== undefined) return { ...placeIn(next), error: 'not yet retried' };
    const { blocking } = this;
    if (blocking !== undefined) return { ...placeIn(blocking.recorded), error: blocking.error };
    const { revision: first, events, position, type } = this.parked;
    const last = this.readable.at(-1)?.event;
    return {
      revision: first + BigInt(events),
      // The exact position of the next event does not matter, as long as this one is not after it.
      position: last === undefined ? position : last.position + 1n,
      type,
      error: 'not yet retried',
    };
  }
}

const placeIn = ({ revision, position, type }: RecordedEvent) => ({ revision, position, type });

/** The parked events that the log has, by stream, in order; at most `parkedEventsMax`. */
export type EventsByStream = ReadonlyMap<string, readonly RecordedEvent[]>;

/**
 * Reads parked events. A stream that was deleted or truncated hides its events. The whole log,
 * which rebuilds read, shows them until a scavenge. So if an event is in neither, the tables of a
 * rebuild do not have it either.
 * @throws Error when the log ends before them, EventStoreUnavailable, the signal's abort reason
 */
export async function findParked(
  log: Log,
  parked: readonly ParkedStreamRow[],
  signal: AbortSignal,
): Promise<EventsByStream> {
  const known = parked.filter(({ stream }) => !isCutName(stream));
  const found = new Map<string, readonly RecordedEvent[]>();
  for (const one of known) found.set(one.stream, await fromStream(log, one));
  const hidden = known.filter(({ stream, events }) => found.get(stream)?.length !== events);
  if (hidden.length === 0) return found;
  await assertLongEnough(log, hidden);
  return new Map([...found, ...(await fromLog(log, hidden, signal))]);
}

const isOf = ({ revision, events }: ParkedStreamRow, event: RecordedEvent): boolean =>
  event.revision >= revision && event.revision < revision + BigInt(events);

async function fromStream(log: Log, parked: ParkedStreamRow): Promise<readonly RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  try {
    for await (const event of log.readStream(parked.stream, parked.revision)) {
      if (!isOf(parked, event)) break;
      found.push(event);
    }
  } catch (error) {
    // The store refuses to read a stream that is deleted for ever. If it refuses for another
    // reason, it refuses to read the log, too.
    if (error instanceof EventStoreUnavailable) throw error;
  }
  return found;
}

async function assertLongEnough(log: Log, hidden: readonly ParkedStreamRow[]): Promise<void> {
  const head = await log.head();
  const beyond = hidden.find(({ position }) => head === null || head < position);
  if (beyond === undefined) return;
  const { events, revision, stream, position } = beyond;
  throw new Error(
    `${events} events are parked from ${revision}@${stream} on, at position ${position}, but the log ends at ` +
      `${head ?? 'its start'}: is this database another log’s?`,
  );
}

async function fromLog(
  log: Log,
  hidden: readonly ParkedStreamRow[],
  signal: AbortSignal,
): Promise<EventsByStream> {
  const wanted = new Map(hidden.map((one) => [one.stream, one]));
  const found = new Map<string, RecordedEvent[]>(hidden.map(({ stream }) => [stream, []]));
  const prefixes = hidden.length > prefixesMax ? streamPrefixes : [...wanted.keys()];
  await eventsToEnd(log, { after: null, prefixes, signal }, (event) => {
    const parked = wanted.get(event.stream);
    if (parked !== undefined && isOf(parked, event)) found.get(event.stream)?.push(event);
  });
  return found;
}
