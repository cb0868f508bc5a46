import type { ExpectedRevision } from '../commands/core/event-store.ts';
import { restoredStream } from '../events/streams.ts';
import type { RawEvent, RawNewEvent } from '../infrastructure/raw-log.ts';
import { eventsIn } from './archive.ts';
import { timeOf } from './event-line.ts';

/** What of an archive goes into another log, and as what. */

/** The last event of a stream that was deleted for ever: the store writes it itself. */
export const tombstoneType = '$streamDeleted';

/** What is told there is of the log that was backed up. */
export const isOfOtherLog = (stream: string): boolean =>
  stream === restoredStream || stream === `$$${restoredStream}`;

/** An event to restore. */
export interface Restorable {
  readonly stream: string;
  readonly isTombstone: boolean;
  /**
   * The revision that it had; of a stream's metadata, where a store may have removed old ones, the
   * one that it gets.
   */
  readonly revision: bigint;
  readonly event: RawNewEvent;
}

export const expectedOf = ({ revision }: Restorable): ExpectedRevision =>
  revision === 0n ? 'no_stream' : revision - 1n;

/**
 * An archive's events as they are restored, in their order.
 * @param count so many of them, from the start
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
 * The metadata with the time at which the log took the event that was backed up, in front of what
 * was there, byte by byte: the new log puts its own time to it, and no store takes another. An
 * event that was restored before has its first one. Metadata that is no JSON object stays as it is,
 * and the time is lost: nothing of ours has such.
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
