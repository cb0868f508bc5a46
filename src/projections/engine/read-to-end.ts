import {
  type EventMark,
  type EventStore,
  EventStoreUnavailable,
  LogDiffers,
  placeOf,
  tombstoneType,
} from '../../commands/core/event-store.ts';
import type { RecordedEvent } from '../../events/codec.ts';

/** Longest that the log is read for, in ms. */
const readMsMax = 600_000;

/**
 * Does the log have an event at its place, so that it is the one that was read before? True where nothing was.
 * @throws EventStoreUnavailable when it did not say in `timeoutMs`, what the signal was aborted with
 */
export async function hasEvent(
  eventStore: Pick<EventStore, 'subscribe'>,
  mark: EventMark | null,
  prefixes: readonly string[],
  cancelled: AbortSignal,
  timeoutMs = readMsMax,
): Promise<boolean> {
  if (mark === null) return true;
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(), timeoutMs);
  const signal = AbortSignal.any([cancelled, end.signal]);
  try {
    for await (const _ of eventStore.subscribe({ after: placeOf(mark), prefixes, signal })) {
      return true;
    }
    cancelled.throwIfAborted();
    throw new EventStoreUnavailable(`the log did not show its events in ${timeoutMs} ms`);
  } catch (error) {
    if (error instanceof LogDiffers) return false;
    throw error;
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
