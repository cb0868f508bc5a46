import { type EventStore, placeOf } from '../commands/core/event-store.ts';
import { streamPrefixes } from '../events/streams.ts';
import { readToEnd } from '../support/read-to-end.ts';
import type { ReadSide } from './read-side.ts';

/**
 * Makes a function that finds the position that the read side must reach to show all current events
 * of the log. The log's newest event may not give this position, because it may not belong to a
 * read model. Each search needs a subscription. Calls during a search share the next one.
 * @param answerMsMax the longest time that a caller waits for the log, in milliseconds
 * @throws EventStoreUnavailable
 */
export function createLogEnd(
  store: Pick<EventStore, 'subscribe'>,
  reads: Pick<ReadSide, 'status'>,
  answerMsMax = 2_000,
): () => Promise<bigint | null> {
  let running: Promise<unknown> | undefined;
  let next: Promise<bigint | null> | undefined;

  const look = async (): Promise<bigint | null> => {
    await running?.catch(() => {});
    next = undefined;
    const found = lastShowable(store, reads.status().eventPosition, answerMsMax);
    running = found;
    return found;
  };
  return () => {
    next ??= look();
    return next;
  };
}

async function lastShowable(
  store: Pick<EventStore, 'subscribe'>,
  event: bigint | null,
  answerMsMax: number,
): Promise<bigint | null> {
  let last = event;
  const after = event === null ? null : placeOf({ position: event, id: null });
  const { signal } = new AbortController();
  await readToEnd(store, { after, prefixes: streamPrefixes, signal }, answerMsMax, (message) => {
    if (message.kind === 'event') last = message.event.position;
    return undefined;
  });
  return last;
}
