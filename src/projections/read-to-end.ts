import { type EventStore, EventStoreUnavailable } from '../commands/event-store.ts';
import type { RecordedEvent } from '../events/codec.ts';

/** Longest that the log is read for, in ms. */
const readMsMax = 600_000;

/** The last event of a stream that was deleted for ever: the store's own, and no event of ours. */
export const tombstoneType = '$streamDeleted';

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
