import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import type { EventStore, ExpectedRevision } from '../../src/commands/core/event-store.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';
import { type TestEventStore, testEventStore } from '../support/servers.ts';

describe('the log in memory, which histories are tried on', function () {
  this.timeout(60_000);
  let server: TestEventStore;
  let real: EventStore;
  before(async () => {
    server = await testEventStore();
    real = connectEventStore(server.url);
  });
  after(async () => {
    await real.close();
    await server.stop();
  });

  it('answers appends, retries and reads as the server does', () =>
    fc.assert(
      fc.asyncProperty(fc.array(append, { maxLength: 12 }), async (appends) => {
        const run = randomUUID();
        const memory = new MemoryEventStore();
        for (const step of appends) {
          const [expectedly, actually] = await Promise.all([
            apply(memory, run, step),
            apply(real, run, step),
          ]);
          expect(expectedly).to.deep.equal(actually);
        }
        for (const stream of streams) {
          const name = `${run}-${stream}`;
          for (const read of [
            (store: EventStore) => store.readStream(name),
            (store: EventStore) => store.readStream(name, 2n),
            (store: EventStore) => store.readStream(name, 1n, 2),
            (store: EventStore) => store.readBackwards(name),
          ]) {
            expect(await all(read(memory))).to.deep.equal(await all(read(real)));
          }
        }
      }),
      { numRuns: 60 },
    ));
});

const streams = ['a', 'b'] as const;

/** Few ids and small revisions: many appends conflict, and many are one that was there before. */
const append = fc.record({
  stream: fc.constantFrom(...streams),
  expected: fc.constantFrom<ExpectedRevision>('no_stream', 0n, 1n, 2n, 3n),
  ids: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 2 }),
});

async function apply(
  store: EventStore,
  run: string,
  { stream, expected, ids }: { stream: string; expected: ExpectedRevision; ids: readonly number[] },
) {
  const events = ids.map((id) => ({
    id: `${run.slice(0, -1)}${id}`,
    event: { type: 'SessionCancelled', data: { sessionId: `${id}` } } as const,
    metadata: { schemaVersion: 1 },
  }));
  const answer = await store.append(`${run}-${stream}`, expected, events);
  return answer.ok ? { ok: true, revision: answer.revision } : answer;
}

async function all(events: AsyncIterable<RecordedEvent>) {
  const read = [];
  for await (const { id, revision, type, data, metadata } of events) {
    read.push({ id, revision, type, data, metadata });
  }
  return read;
}
