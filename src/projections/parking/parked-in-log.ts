import { type EventStore, EventStoreUnavailable } from '../../commands/core/event-store.ts';
import type { RecordedEvent } from '../../events/codec.ts';
import { streamPrefixes } from '../../events/streams.ts';
import { eventsToEnd } from '../engine/events-to-end.ts';
import { isCutName, type StoredParked } from './parked-table.ts';

/** So many streams are named when the whole log is read; for more, all of ours are read. */
const prefixesMax = 50;

type Log = Pick<EventStore, 'readStream' | 'subscribe' | 'head'>;

/** What the log has of parked events, by stream, in order. They are bounded: the engine stops rather than park more. */
export type FoundParked = ReadonlyMap<string, readonly RecordedEvent[]>;

/**
 * Reads parked events. A stream that was deleted or truncated hides them; the log as a whole, which rebuilds read, shows
 * them until it is scavenged. So what is found in neither is in no rebuild either.
 * @throws Error when the log ends before them, EventStoreUnavailable, what the signal was aborted with
 */
export async function findParked(
  log: Log,
  parked: readonly StoredParked[],
  signal: AbortSignal,
): Promise<FoundParked> {
  const known = parked.filter(({ stream }) => !isCutName(stream));
  const found = new Map<string, readonly RecordedEvent[]>();
  for (const one of known) found.set(one.stream, await fromStream(log, one));
  const hidden = known.filter(({ stream, events }) => found.get(stream)?.length !== events);
  if (hidden.length === 0) return found;
  await assertLongEnough(log, hidden);
  return new Map([...found, ...(await fromLog(log, hidden, signal))]);
}

const isOf = ({ revision, events }: StoredParked, event: RecordedEvent): boolean =>
  event.revision >= revision && event.revision < revision + BigInt(events);

async function fromStream(log: Log, parked: StoredParked): Promise<readonly RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  try {
    for await (const event of log.readStream(parked.stream, parked.revision)) {
      if (!isOf(parked, event)) break;
      found.push(event);
    }
  } catch (error) {
    // One that is deleted for ever is refused. What else may be refused is so for the log, too.
    if (error instanceof EventStoreUnavailable) throw error;
  }
  return found;
}

async function assertLongEnough(log: Log, hidden: readonly StoredParked[]): Promise<void> {
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
  hidden: readonly StoredParked[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly RecordedEvent[]>> {
  const wanted = new Map(hidden.map((one) => [one.stream, one]));
  const found = new Map<string, RecordedEvent[]>(hidden.map(({ stream }) => [stream, []]));
  const prefixes = hidden.length > prefixesMax ? streamPrefixes : [...wanted.keys()];
  await eventsToEnd(log, { after: null, prefixes, signal }, (event) => {
    const parked = wanted.get(event.stream);
    if (parked !== undefined && isOf(parked, event)) found.get(event.stream)?.push(event);
  });
  return found;
}
