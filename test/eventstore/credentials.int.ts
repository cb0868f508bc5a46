import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStoreDBClient } from '@eventstore/db-client';
import { expect } from 'chai';
import { type RunningServer, startServer } from '../../embedded/eventstore/server.ts';
import { createClient } from '../../src/infrastructure/eventstoredb/client.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { events, rejection, unique } from '../conformance/support/client.ts';

describe('event store: credentials', () => {
  const password = 'c0ffee'.repeat(8);
  let directory: string;
  let server: RunningServer;
  const clients: EventStoreDBClient[] = [];
  const connect = (client: EventStoreDBClient): EventStoreDBClient => {
    clients.push(client);
    return client;
  };
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'eventstore-credentials-'));
    server = await startServer({ port: 0, dataDirectory: directory, password });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.dispose();
  });
  after(async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('the address has them, and with them everything goes as before: appends by the one batch call', async () => {
    expect(server.url).to.equal(`esdb://service:${password}@127.0.0.1:${server.port}?tls=false`);
    const client = connect(createClient(server.url));
    const stream = unique('let-in');
    await client.appendToStream(stream, events(3));
    // A batch call stays open for the next append; a unary one is over.
    expect(server.stats().calls).to.equal(1);
    const read: string[] = [];
    for await (const { event } of client.readStream(stream)) read.push(event?.streamId ?? '');
    expect(read).to.deep.equal([stream, stream, stream]);
    const store = connectEventStore(server.url);
    expect(await store.head()).to.be.a('bigint');
    await store.close();
  });

  const plain = () => `esdb://127.0.0.1:${server.port}?tls=false`;
  const withUser = (user: string) => plain().replace('//', `//${user}@`);
  const strangers: Record<string, () => EventStoreDBClient> = {
    'without any': () => EventStoreDBClient.connectionString(plain()),
    'with none, as the official client sends none without TLS': () =>
      EventStoreDBClient.connectionString(server.url),
    'with a wrong password': () => createClient(withUser('service:guess')),
    'with a part of it': () => createClient(withUser(`service:${password.slice(0, -1)}`)),
    'of another user': () => createClient(withUser(`admin:${password}`)),
  };
  for (const [who, make] of Object.entries(strangers)) {
    it(`a call ${who} is UNAUTHENTICATED, whatever it asks for`, async () => {
      const client = connect(make());
      const asks = [
        () => client.appendToStream('account-1', events(1)),
        () => client.deleteStream('account-1'),
        () => client.tombstoneStream('account-1'),
        () => first(client.readAll()),
        () => first(client.readStream('account-1')),
        () => first(client.subscribeToAll()),
      ];
      for (const ask of asks) {
        expect(String(await rejection(ask()))).to.match(/unauthenticated/i);
      }
    });
  }

  it('without a password anybody is let in, with any credentials', async () => {
    const open = await mkdtemp(join(tmpdir(), 'eventstore-open-'));
    const other = await startServer({ port: 0, dataDirectory: open });
    try {
      expect(other.url).to.equal(`esdb://127.0.0.1:${other.port}?tls=false`);
      const client = connect(createClient(other.url.replace('//', '//admin:changeit@')));
      await client.appendToStream('any', events(1));
    } finally {
      await other.stop();
      await rm(open, { recursive: true, force: true });
    }
  });
});

async function first(stream: AsyncIterable<unknown>): Promise<unknown> {
  for await (const one of stream) return one;
  return undefined;
}
