import { restoredStream } from '../events/streams.ts';
import type { RawEvent, RawLog } from '../infrastructure/raw-log.ts';
import type { Contract } from './contract.ts';

/** Events in a log that a version cannot read, of one type and version. */
export interface NewerEvents {
  readonly type: string;
  /** Undefined if the event has no version. */
  readonly schemaVersion: number | undefined;
  /**
   * True if the version reads this stream. Then it would park the events and refuse commands there.
   */
  readonly isRead: boolean;
  events: number;
  /** Streams that have some, the first few. */
  readonly streams: Set<string>;
  readonly firstPosition: bigint;
}

/** Streams that are named. */
const namedMax = 5;

/**
 * Searches the whole log for events that a version cannot read. Only events that are in the log
 * count.
 * @param prefixes the prefixes of all streams of the service
 * @throws the errors of the log
 */
export async function newerEventsIn(
  log: Pick<RawLog, 'subscribe'>,
  target: Contract,
  { prefixes, onProgress }: { prefixes: readonly string[]; onProgress(events: number): void },
): Promise<readonly NewerEvents[]> {
  const found = new Map<string, NewerEvents>();
  const reading = { after: null, prefixes, signal: new AbortController().signal };
  let events = 0;
  for await (const message of log.subscribe(reading)) {
    if (message.kind === 'caught-up') break;
    if (message.kind !== 'event') continue;
    events += 1;
    onProgress(events);
    const { event } = message;
    const schemaVersion = schemaVersionOf(event);
    if (canRead(target, event.type, schemaVersion)) continue;
    // Events of another program, on streams with names like the service's. Every version ignores
    // them.
    if (schemaVersion === undefined) continue;
    const isRead = target.streams.some((prefix) => event.stream.startsWith(prefix));
    const key = `${event.type} ${schemaVersion} ${isRead}`;
    let one = found.get(key);
    if (one === undefined) {
      const { type, position: firstPosition } = event;
      one = { type, schemaVersion, isRead, events: 0, streams: new Set(), firstPosition };
      found.set(key, one);
    }
    one.events += 1;
    if (one.streams.size < namedMax) one.streams.add(event.stream);
  }
  return [...found.values()];
}

function canRead({ events }: Contract, type: string, schemaVersion: number | undefined): boolean {
  const newest = events[type];
  return newest !== undefined && schemaVersion !== undefined && schemaVersion <= newest;
}

function schemaVersionOf({ metadata }: RawEvent): number | undefined {
  try {
    const { schemaVersion } = JSON.parse(Buffer.from(metadata).toString());
    return Number.isSafeInteger(schemaVersion) ? schemaVersion : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Does the event say that the log was restored? Then a version that cannot read it must not serve.
 */
export const isRestore = ({ streams }: NewerEvents): boolean => streams.has(restoredStream);
