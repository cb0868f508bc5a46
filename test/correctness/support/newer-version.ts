import type { EventStore } from '../../../src/commands/core/event-store.ts';
import type { RecordedEvent } from '../../../src/events/codec.ts';
import type { MemoryEventStore } from '../../support/memory-event-store.ts';

/**
 * The log as a version sees it that knows the second version of an event, which looks like the
 * first.
 */
export const newer = (log: MemoryEventStore): EventStore => {
  const read = async function* (events: AsyncIterable<RecordedEvent>) {
    for await (const event of events) {
      const { schemaVersion } = event.metadata as { schemaVersion: number };
      const known = event.type === 'AccountSummarised' ? 2 : 1;
      yield { ...event, metadata: { schemaVersion: Math.min(known, schemaVersion) } };
    }
  };
  return {
    epoch: 0,
    append: (stream, expected, events) => log.append(stream, expected, events),
    readStream: (...args) => read(log.readStream(...args)),
    readBackwards: (...args) => read(log.readBackwards(...args)),
    subscribe: () => log.subscribe(),
    head: () => log.head(),
    reachable: () => log.reachable(),
    close: () => log.close(),
  };
};
