import type { ExpectedRevision } from '../commands/core/event-store.ts';
import { restoredStream } from '../events/streams.ts';
import type { RawEvent, RawNewEvent } from '../infrastructure/raw-log.ts';
import { eventsIn } from './archive.ts';
import { timeOf } from './event-line.ts';

/** Selects the events of an archive that a restore writes, and their new form. */

/** The last event of a stream that was deleted for ever. The store itself writes it. */
export const tombstoneType = '$streamDeleted';

/** Is the content of this stream only true for the log that was backed up? */
export const isOfOtherLog = (stream: string): boolean =>
  stream === restoredStream || stream === `$$${restoredStream}`;

/** An event to restore. */
export interface Restorable {
  readonly stream: string;
  readonly isTombstone: boolean;
  /**
   * The old revision of the event. For an event of a stream's metadata, the new revision, because a
   * store may have removed older ones.
   */
  readonly revision: bigint;
  readonly event: RawNewEvent;
}

export const expectedOf = ({ revision }: Restorable): ExpectedRevision =>
  revision === 0n ? 'no_stream' : revision - 1n;

/**
 * An archive's events in the form of the restore, in their order.
 * @param count the number of events, from the start
 */
export async function* restorableIn(
  directory: string,
  count: number,
): AsyncGenerator<Restorable, void, undefined> {
  /** Metadata events so far, by their stream. */
  const metadataEvents = new Map<string, bigint>();
  let left = count;
  for await (const events of eventsIn(directory)) {
    for (const event of events) {
      const { stream } = event;
      if (isOfOtherLog(stream)) continue;
      if (left === 0) return;
      left -= 1;
      const next = metadataEvents.get(stream) ?? 0n;
      const isMetadata = stream.startsWith('$$');
      if (isMetadata) metadataEvents.set(stream, next + 1n);
      yield {
        stream,
        isTombstone: event.type === tombstoneType,
        revision: isMetadata ? next : event.revision,
        event: { ...event, metadata: withRecordedAt(event) },
      };
    }
  }
}

/**
 * Adds the event's original time at the beginning of the metadata, and leaves all other bytes
 * unchanged. The new log gives each event its own time, and no store accepts another one. If an
 * event was restored before, its first time stays. Metadata that is not a JSON object does not
 * change, and its time is lost. No event of the service has such metadata.
 */
export function withRecordedAt({ metadata, created }: RawEvent): Uint8Array {
  const text = Buffer.from(metadata.buffer, metadata.byteOffset, metadata.length).toString();
  const recorded = `{"recordedAt":"${timeOf(created)}"`;
  if (text === '') return Buffer.from(`${recorded}}`);
  const value = objectIn(text);
  if (value === undefined || Object.hasOwn(value, 'recordedAt')) return metadata;
  const rest = text.trimStart().slice(1).trimStart();
  return Buffer.from(`${recorded}${rest.startsWith('}') ? '' : ','}${rest}`);
}

function objectIn(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
