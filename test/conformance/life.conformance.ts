import type { AppendResult, EventData, EventStoreDBClient } from '@eventstore/db-client';
import { StreamDeletedError, streamNameFilter } from '@eventstore/db-client';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import {
  batch,
  collect,
  connect,
  events,
  expectError,
  expectNotFound,
  idsIn,
  idsOf,
  positionOf,
  readEvents,
  recorded,
  rejection,
  unary,
  unique,
} from './support/client.ts';
import { type OwnServer, withServer } from './support/own-server.ts';
import { Recorder } from './support/recorder.ts';
import { itWithOwnServer } from './support/suite.ts';

/** Milliseconds within which a client works again after its server came back. */
const reconnectMs = 5_000;

describe('conformance: life', function () {
  this.timeout(30_000);

  itWithOwnServer(
    '60 a restart keeps data, positions and metadata',
    'restarts the server',
    async () => {
      await withServer(async (server, client) => {
        const [kept, soft, hard] = [unique('kept'), unique('soft'), unique('hard')];
        await client.appendToStream(kept, events(20));
        const last = positionOf(await client.appendToStream(kept, events(5)));
        await client.setStreamMetadata(kept, { maxCount: 10, owner: '주인' });
        for (const stream of [soft, hard]) await client.appendToStream(stream, events(3));
        await client.deleteStream(soft);
        await client.tombstoneStream(hard);
        const before = await everythingIn(client);
        const [stream, metadata] = [
          await readEvents(client, kept),
          await client.getStreamMetadata(kept),
        ];
        expect(stream).to.have.length(10);
        for (const down of ['stop', 'kill'] as const) {
          await server[down]();
          await server.start();
          await usingClient(server, async (again) => {
            expect(await everythingIn(again)).to.deep.equal(before);
            expect(await readEvents(again, kept)).to.deep.equal(stream);
            expect(await again.getStreamMetadata(kept)).to.deep.equal(metadata);
            await expectNotFound(again, soft);
            const gone = await rejection(again.appendToStream(hard, events(1)));
            expectError(gone, StreamDeletedError);
          });
        }
        await usingClient(server, async (again) => {
          const next = await again.appendToStream(kept, events(1), { expectedRevision: 24n });
          expect(next.nextExpectedRevision).to.equal(25n);
          expect(positionOf(next) > last).to.equal(true);
          const revived = await again.appendToStream(soft, events(1));
          expect(revived.nextExpectedRevision).to.equal(3n);
        });
      });
    },
  );

  // Ten or two hundred such kills, with several streams and retries, are in
  // test/eventstore/crash.e2e.ts.
  itWithOwnServer(
    '61 kill -9 in mid-append: all or nothing, what was acknowledged stays',
    'kills the server',
    async () => {
      await withServer(async (server) => {
        const stream = unique('killed');
        const acknowledged: string[] = [];
        let revision: bigint | 'no_stream' = 'no_stream';
        for (let round = 0; round < 2; round++) {
          const client = connect(server.url);
          let unclear: EventData[] = [];
          let stopped = false;
          const appending = (async () => {
            while (!stopped) {
              unclear = events(7);
              const answer: AppendResult = await client.appendToStream(stream, unclear, {
                expectedRevision: revision,
              });
              revision = answer.nextExpectedRevision;
              acknowledged.push(...idsOf(unclear));
            }
          })();
          const ended = rejection(appending);
          await eventually('some appends', () => acknowledged.length >= 7 * 20 * (round + 1));
          await server.kill();
          await ended;
          stopped = true;
          await client.dispose();
          await server.start();
          await usingClient(server, async (again) => {
            const there = await idsIn(again, stream);
            expect(there.slice(0, acknowledged.length)).to.deep.equal(acknowledged);
            const rest = there.slice(acknowledged.length);
            expect(rest).to.deep.equal(rest.length === 0 ? [] : idsOf(unclear));
            const answer = await again.appendToStream(stream, unclear, {
              expectedRevision: revision,
            });
            revision = answer.nextExpectedRevision;
            acknowledged.push(...idsOf(unclear));
            expect(await idsIn(again, stream)).to.deep.equal(acknowledged);
          });
        }
      });
    },
  );

  itWithOwnServer(
    '62 a stop during a subscription, then resumed: no gap, no double',
    'stops the server',
    async () => {
      await withServer(async (server, client) => {
        const stream = unique('subscribed');
        const all = events(40);
        await client.appendToStream(stream, all.slice(0, 20));
        const got: { id: string; position: bigint }[] = [];
        const filter = streamNameFilter({ prefixes: [stream] });
        for (const [down, upTo] of [
          ['stop', 20],
          ['kill', 40],
        ] as const) {
          const at = got.at(-1)?.position;
          await usingClient(server, async (again) => {
            const missing = all.slice(got.length, upTo);
            const fromPosition = at === undefined ? 'start' : { commit: at, prepare: at };
            const recorder = new Recorder(again.subscribeToAll({ fromPosition, filter }));
            await recorder.caughtUp();
            if (upTo > 20) await again.appendToStream(stream, missing);
            await recorder.count(missing.length);
            expect(recorder.ids).to.deep.equal(idsOf(missing));
            got.push(
              ...recorder.events.map((event) => ({ id: event.id, position: positionOf(event) })),
            );
            await server[down]();
            // A clean stop may also end the subscription without an error.
            await eventually('the end of it', () => recorder.error !== undefined || recorder.ended);
          });
          await server.start();
        }
        expect(got.map(({ id }) => id)).to.deep.equal(idsOf(all));
      });
    },
  );

  for (const down of ['stop', 'kill'] as const) {
    itWithOwnServer(
      `63 the same client works again after a ${down} and a start`,
      `${down}s the server`,
      async () => {
        await withServer(async (server, client) => {
          const stream = unique('reconnected');
          const [first, second, third] = [events(1), events(1), events(1)];
          await client.appendToStream(stream, first, { expectedRevision: 'no_stream' });
          await server[down]();
          await rejection(client.appendToStream(stream, second, { expectedRevision: 0n }));
          await server.start();
          for (const [proposed, expectedRevision, { options }] of [
            [second, 0n, batch],
            [third, 1n, unary],
          ] as const) {
            const answer = await eventually(
              'an answer',
              () => client.appendToStream(stream, proposed, { ...options, expectedRevision }),
              reconnectMs,
            );
            expect(answer.nextExpectedRevision).to.equal(expectedRevision + 1n);
          }
          expect(await idsIn(client, stream)).to.deep.equal(idsOf([...first, ...second, ...third]));
        });
      },
    );
  }
});

async function usingClient(
  server: OwnServer,
  use: (client: EventStoreDBClient) => Promise<void>,
): Promise<void> {
  const client = connect(server.url);
  try {
    await use(client);
  } finally {
    await client.dispose();
  }
}

/** All of `$all`, of a server that nobody else writes to. */
async function everythingIn(client: EventStoreDBClient): Promise<unknown[]> {
  return recorded(await collect(client.readAll()));
}
