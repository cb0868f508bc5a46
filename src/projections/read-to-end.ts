import { type EventStore, EventStoreUnavailable } from '../commands/event-store.ts';
import type { RecordedEvent } from '../events/codec.ts';

/** Longest that the log is read for, in ms. */
const readMsMax = 600_000;

/** The last event of a stream that was deleted for ever: the store's own, and no event of ours. */
export const tombstoneType = '$streamDeleted';

/**
 * The id of the log's first event of streams, by which it is told from other logs; null while it has none.
 * @throws EventStoreUnavailable when it was not found in `timeoutMs`, what the signal was aborted with
 */
export async function firstEventId(
  eventStore: Pick<EventStore, 'subscribe'>,
  prefixes: readonly string[],
  cancelled: AbortSignal,
  timeoutMs = readMsMax,
): Promise<string | null> {
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(), timeoutMs);
  const signal = AbortSignal.any([cancelled, end.signal]);
  try {
    for await (const message of eventStore.subscribe({ after: null, prefixes, signal })) {
      if (message.kind === 'caught-up') return null;
      if (message.kind === 'event' && message.event.type !== tombstoneType) return message.event.id;
    }
    cancelled.throwIfAborted();
    throw new EventStoreUnavailable(`the log's first event was not found in ${timeoutMs} ms`);
  } finally {
    clearTimeout(timer);
    end.abort();
  }
}

/**
 * Reads what the log has of streams after a position, up to its end as it is now.
 * @throws EventStoreUnavailable, what the signal was aborted with, what `onEvent` throws
 */
export async function readToEnd(
  eventStore: Pick<EventStore, 'subscribe'>,
  wanted: Parameters<EventStore['subscribe']>[0],
  onEvent: (event: RecordedEvent) => void,
): Promise<void> {
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(), readMsMax);
  const signal = AbortSignal.any([wanted.signal, end.signal]);
  try {
    for await (const message of eventStore.subscribe({ ...wanted, signal })) {
      if (message.kind === 'caught-up') return;
      if (message.kind === 'event' && message.event.type !== tombstoneType) onEvent(message.event);
    }
    wanted.signal.throwIfAborted();
    throw new EventStoreUnavailable(`the log was not read to its end in ${readMsMax} ms`);
  } finally {
    clearTimeout(timer);
    end.abort();
  }
}
