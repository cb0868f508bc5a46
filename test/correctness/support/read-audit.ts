import type { EventStore } from '../../../src/commands/core/event-store.ts';
import type { RecordedEvent } from '../../../src/events/codec.ts';
import { Audit } from './audit.ts';

type IsOurs = (event: RecordedEvent) => boolean;

/** The log as it is now: all of it, or the events that are a test's own. */
export async function readEvents(
  store: EventStore,
  isOurs: IsOurs = () => true,
): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  const end = new AbortController();
  const prefixes = ['concert-', 'seat-', 'order-', 'account-', 'catalog-'];
  for await (const message of store.subscribe({ after: null, prefixes, signal: end.signal })) {
    if (message.kind === 'caught-up') end.abort();
    else if (message.kind === 'event' && isOurs(message.event)) events.push(message.event);
  }
  return events;
}

/** Audits what `readEvents` reads. */
export const readAudit = async (store: EventStore, isOurs?: IsOurs): Promise<Audit> =>
  Audit.of(await readEvents(store, isOurs));

/**
 * The events of streams that have the tag in their name or in their first event: an order's later
 * ones lack it. A stream that others have begun is not a test's own, for example the list of all
 * sessions.
 */
export function ofTag(tag: string): IsOurs {
  const ours = new Set<string>();
  return ({ stream, revision, data }) => {
    const isBegun = revision === 0n && JSON.stringify(data).includes(tag);
    if (isBegun || stream.includes(tag)) ours.add(stream);
    return ours.has(stream);
  };
}
