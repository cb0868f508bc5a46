import { randomUUID } from 'node:crypto';
import { ANY, EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { expect } from 'chai';
import { Catalog } from '../../src/commands/concert/catalog.ts';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { Sales } from '../../src/commands/sales/sales.ts';
import { readConfig } from '../../src/config.ts';
import type { StoredEvent } from '../../src/events/codec.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { InProcessHoldLimit } from '../../src/shared-state/in-process-hold-limit.ts';
import { concertRegistered, sessionScheduled } from '../support/events.ts';
import { type TestEventStore, testEventStore } from '../support/servers.ts';

/** Services that share nothing but the log: what one remembers, the others do not know. */
const instances = 8;
const buyers = 1_000;

describe('1,000 buyers at once for one seat, over 8 services', function () {
  this.timeout(60_000);
  let server: TestEventStore;
  before(async () => {
    server = await testEventStore();
  });
  after(() => server.stop());

  it('one gets it, 999 are refused', async () => {
    const outcomes = await race(server.url, (store) => store);
    expect(outcomes).to.deep.equal({ held: 1, 'seat-taken': buyers - 1 });
  });

  it('negative control: without the expected revision several get it', async () => {
    const client = EventStoreDBClient.connectionString(server.url);
    const outcomes = await race(server.url, (store) => withoutExpectedRevision(store, client));
    await client.dispose();
    expect(outcomes.held).to.be.greaterThan(1);
  });
});

async function race(url: string, change: (store: EventStore) => EventStore) {
  const sessionId = `s-${randomUUID()}`;
  const stores = Array.from({ length: instances }, () => connectEventStore(url));
  const shops = stores.map(
    (store) =>
      new Sales({
        store: change(store),
        catalog: catalogWith(sessionId),
        limit: new InProcessHoldLimit(8),
        settings: readConfig({}),
        now: Date.now,
        onLeftOver: () => {},
      }),
  );
  const results = await Promise.all(
    Array.from({ length: buyers }, (_, i) =>
      shops[i % instances]?.reserve({
        concertId: 'c1',
        sessionId,
        seatIds: ['A-1-1'],
        userId: `u${i}`,
        context: { commandId: randomUUID() },
      }),
    ),
  );
  await Promise.all(stores.map((store) => store.close()));
  const outcomes: Record<string, number> = {};
  for (const result of results) {
    const outcome = result?.ok ? 'held' : (result?.refusal.code ?? 'none');
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  return outcomes;
}

function catalogWith(sessionId: string): Catalog {
  const catalog = new Catalog();
  const events = [
    concertRegistered('One'),
    sessionScheduled({
      sessionId,
      startsAt: '2099-01-01T00:00:00.000Z',
      salesOpenAt: '2020-01-01T00:00:00.000Z',
      sections: [{ section: 'A', price: 100, rows: [{ row: '1', seats: [1] }] }],
    }),
  ];
  for (const event of events) catalog.apply({ stream: 'concert-c1', ...event } as StoredEvent);
  return catalog;
}

function withoutExpectedRevision(store: EventStore, client: EventStoreDBClient): EventStore {
  return {
    ...store,
    async append(stream, expected, events) {
      const written = events.map(({ id, event, metadata }) =>
        jsonEvent({ id, type: event.type, data: event.data as object, metadata } as never),
      );
      const { position } = await client.appendToStream(stream, written, { expectedRevision: ANY });
      // It says that the stream was as expected, too: that is looked at as well.
      const revision = (expected === 'no_stream' ? -1n : expected) + BigInt(events.length);
      return { ok: true, revision, position: position?.commit ?? 0n };
    },
  };
}
