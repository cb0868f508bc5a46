import { randomUUID } from 'node:crypto';
import type { EventStore } from '../../../src/commands/core/event-store.ts';
import type { RecordedEvent } from '../../../src/events/codec.ts';
import { streamPrefixes } from '../../../src/events/streams.ts';
import type { Written } from '../../support/events.ts';

/** Streams that are appended to at the same time. */
const inFlightMax = 64;

/**
 * Appends events, each stream's in order; concerts before all else, so that no seat comes before
 * its session.
 * @returns the highest position
 */
export async function appendHistory(
  eventStore: EventStore,
  events: Iterable<Written>,
  revisions = new Map<string, bigint>(),
): Promise<bigint> {
  const streams = new Map<string, Written[]>();
  for (const one of events) streams.set(one.stream, [...(streams.get(one.stream) ?? []), one]);
  let highest = 0n;
  const append = async ([stream, own]: [string, Written[]]) => {
    const before = revisions.get(stream);
    const result = await eventStore.append(
      stream,
      before ?? 'no_stream',
      own.map(({ event }) => ({ id: randomUUID(), event, metadata: { schemaVersion: 1 } })),
    );
    if (!result.ok) throw new Error(`${stream} is at ${result.actual}`);
    revisions.set(stream, result.revision);
    if (result.position > highest) highest = result.position;
  };
  const all = [...streams];
  for (const one of all) if (one[0].startsWith('concert-')) await append(one);
  const rest = all.filter(([stream]) => !stream.startsWith('concert-'));
  for (let at = 0; at < rest.length; at += inFlightMax) {
    await Promise.all(rest.slice(at, at + inFlightMax).map(append));
  }
  return highest;
}

/** Every event of ours in the log, up to now. */
export async function wholeLog(eventStore: EventStore): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  const aborter = new AbortController();
  const { signal } = aborter;
  for await (const message of eventStore.subscribe({
    after: null,
    prefixes: streamPrefixes,
    signal,
  })) {
    if (message.kind === 'caught-up') break;
    if (message.kind === 'event') events.push(message.event);
  }
  aborter.abort();
  return events;
}
