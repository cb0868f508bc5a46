import { randomUUID } from 'node:crypto';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import type { DomainEvent } from '../../src/events/events.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { type HistoryShape, history } from '../../test/projections/support/history.ts';

/** Appends sent and not yet answered. */
const inFlightMax = 512;

/**
 * Appends `count` events of a history: most are reservations, sales and payments. The order of the
 * history is kept, because the processes of a service rely on it. No service may run on the log at
 * the same time.
 * @returns the last position
 */
export async function fill(url: string, shape: HistoryShape, count: number): Promise<bigint> {
  const store = connectEventStore(url);
  const revisions = new Map<string, bigint>();
  const events = history(shape);
  let head = 0n;
  try {
    for (let done = 0; done < count; done += inFlightMax) {
      const sent = [];
      for (let n = done; n < Math.min(count, done + inFlightMax); n += 1) {
        const { value } = events.next();
        const { stream, event } = value;
        sent.push(append(store, stream, revisions.get(stream), event));
        revisions.set(stream, (revisions.get(stream) ?? -1n) + 1n);
      }
      for (const position of await Promise.all(sent)) head = position > head ? position : head;
    }
  } finally {
    await store.close();
  }
  console.log(`${count} events on ${revisions.size} streams`);
  return head;
}

async function append(
  store: EventStore,
  stream: string,
  before: bigint | undefined,
  event: DomainEvent,
): Promise<bigint> {
  const written = [{ id: randomUUID(), event, metadata: { schemaVersion: 1 } }];
  const result = await store.append(stream, before ?? 'no_stream', written);
  if (!result.ok) throw new Error(`${stream} is at ${result.actual}`);
  return result.position;
}
