import type { EventStore } from '../../../src/commands/core/event-store.ts';

/**
 * For negative controls: a log that appends whatever the stream's revision is, and says that it was
 * the expected one.
 */
export const ignoringRevision = (store: EventStore): EventStore => ({
  subscribe: (options) => store.subscribe(options),
  readStream: (...args) => store.readStream(...args),
  readBackwards: (stream) => store.readBackwards(stream),
  get epoch() {
    return store.epoch;
  },
  head: () => store.head(),
  reachable: (timeoutMs) => store.reachable(timeoutMs),
  close: () => store.close(),
  async append(stream, expected, events) {
    let appended = await store.append(stream, expected, events);
    while (!appended.ok) appended = await store.append(stream, appended.actual, events);
    const before = expected === 'no_stream' ? -1n : expected;
    return { ...appended, revision: before + BigInt(events.length) };
  },
});
