import {
  type EventStore,
  EventStoreUnavailable,
  type LogMessage,
} from '../commands/core/event-store.ts';
import { within } from './time-limit.ts';

type Subscription = Parameters<EventStore['subscribe']>[0];

/**
 * Reads the events after a place, up to the current end of the log.
 * @param onMessage gets each message; `'stop'` ends the read there
 * @param timeoutMs the read fails after so many milliseconds, even if the subscription hangs
 * @throws EventStoreUnavailable, the abort reason of the signal, errors of `subscribe` or
 * `onMessage`
 */
export async function readToEnd(
  store: Pick<EventStore, 'subscribe'>,
  { signal: cancelled, ...place }: Subscription,
  timeoutMs: number,
  onMessage: (message: LogMessage) => 'stop' | undefined,
): Promise<void> {
  const end = new AbortController();
  const signal = AbortSignal.any([cancelled, end.signal]);
  const late = () => {
    throw new EventStoreUnavailable(`the log was not read to its end in ${timeoutMs} ms`);
  };
  const read = async () => {
    for await (const message of store.subscribe({ ...place, signal })) {
      if (onMessage(message) === 'stop' || message.kind === 'caught-up') return;
    }
    cancelled.throwIfAborted();
    throw new EventStoreUnavailable('the log ended before its end was found');
  };
  try {
    await within(timeoutMs, read(), late);
  } finally {
    end.abort();
  }
}
