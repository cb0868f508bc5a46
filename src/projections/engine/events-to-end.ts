import {
  type EventMark,
  type EventStore,
  LogDiffers,
  placeOf,
  tombstoneType,
} from '../../commands/core/event-store.ts';
import type { RecordedEvent } from '../../events/codec.ts';
import { readToEnd } from '../../support/read-to-end.ts';

/** The longest time of such a read, in ms. */
const readMsMax = 600_000;

/**
 * Does the log still have this event? If so, it is the log that was read before. True if there is
 * no event to compare.
 * @throws EventStoreUnavailable without an answer in `timeoutMs`, the signal's abort reason
 */
export async function hasEvent(
  eventStore: Pick<EventStore, 'subscribe'>,
  mark: EventMark | null,
  prefixes: readonly string[],
  signal: AbortSignal,
  timeoutMs = readMsMax,
): Promise<boolean> {
  if (mark === null) return true;
  try {
    // The subscription delivers nothing until it has checked that the event is there.
    await readToEnd(
      eventStore,
      { after: placeOf(mark), prefixes, signal },
      timeoutMs,
      () => 'stop',
    );
    return true;
  } catch (error) {
    if (error instanceof LogDiffers) return false;
    throw error;
  }
}

/**
 * Reads the events of streams after a position, up to the current end of the log.
 * @throws EventStoreUnavailable, the abort reason of the signal, errors of `onEvent`
 */
export const eventsToEnd = (
  eventStore: Pick<EventStore, 'subscribe'>,
  wanted: Parameters<EventStore['subscribe']>[0],
  onEvent: (event: RecordedEvent) => void,
): Promise<void> =>
  readToEnd(eventStore, wanted, readMsMax, (message) => {
    if (message.kind === 'event' && message.event.type !== tombstoneType) onEvent(message.event);
    return undefined;
  });
