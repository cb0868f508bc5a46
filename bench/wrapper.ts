/**
 * Compares appends per second of the wrapper and of the plain client, in turns, on one embedded
 * event store.
 *
 *   npm run bench:wrapper
 */
import './support/help.ts';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { startEmbeddedEventStore } from '../embedded/eventstore/start.ts';
import { connectEventStore } from '../src/infrastructure/eventstoredb.ts';
import { charged } from '../test/infrastructure/support/eventstoredb.ts';

const rounds = 5;
const appendsEach = 2_000;
const inFlight = 64;

const data = await mkdtemp(join(tmpdir(), 'reprise-bench-'));
const server = await startEmbeddedEventStore({ data });
const store = connectEventStore(server.url);
const bare = EventStoreDBClient.connectionString(server.url);

/** Appends per second of `inFlight` writers. Each append goes to a new stream. */
async function rate(append: (stream: string) => Promise<unknown>): Promise<number> {
  let left = appendsEach;
  const startedMs = performance.now();
  const writer = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await append(`account-${randomUUID()}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, writer));
  return appendsEach / ((performance.now() - startedMs) / 1_000);
}

const median = (values: number[]): number =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const wrapped: number[] = [];
const plain: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  wrapped.push(await rate((stream) => store.append(stream, 'no_stream', [charged()])));
  plain.push(
    await rate((stream) => {
      const { id, event, metadata } = charged();
      return bare.appendToStream(
        stream,
        jsonEvent({ id, type: event.type, data: event.data, metadata }),
        { expectedRevision: NO_STREAM },
      );
    }),
  );
}
const ratio = median(wrapped) / median(plain);
console.log(
  `appends, ${inFlight} in flight: wrapper ${median(wrapped).toFixed(0)}/s, ` +
    `bare client ${median(plain).toFixed(0)}/s, ratio ${ratio.toFixed(2)}`,
);
await store.close();
await bare.dispose();
await server.stop();
await rm(data, { recursive: true, force: true });
