import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { cancelSession } from '../../src/commands/concert/cancel-session.ts';
import { Catalog } from '../../src/commands/concert/catalog.ts';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { followCatalog } from '../../src/processes/follow-catalog.ts';
import { salesOn, sessionEvents } from '../correctness/support/sale.ts';
import { type TestEventStore, testEventStore } from '../support/servers.ts';

const metadata = { schemaVersion: 1 };

describe('cancelling a session with seats whose streams cannot be read', function () {
  this.timeout(60_000);
  let server: TestEventStore;
  let store: EventStore;
  const end = new AbortController();
  before(async () => {
    server = await testEventStore();
    store = connectEventStore(server.url);
  });
  after(async () => {
    end.abort();
    await store.close();
    await server.stop();
  });

  it('gives all the others back, and tells of each that it cannot', async () => {
    const sessionId = `s-${randomUUID().slice(0, 8)}`;
    const concertId = sessionId;
    const append = (stream: string, events: readonly object[]) =>
      store.append(
        stream,
        'no_stream',
        events.map((event) => ({ id: randomUUID(), event: event as never, metadata })),
      );
    await append(`concert-${concertId}`, sessionEvents(sessionId, 30));
    // More of them, and first in the hall, than seats are looked at at the same time.
    const bad = Array.from({ length: 20 }, (_, n) => `A-1-${n + 1}`);
    for (const seatId of bad) {
      await append(`seat-${sessionId}/${seatId}`, [{ type: 'SeatVanished', data: {} }]);
    }
    const catalog = new Catalog();
    const onCatalog = (what: string, error: unknown) => expect.fail(`${what}: ${error}`);
    const following = followCatalog({ store, catalog, signal: end.signal, onError: onCatalog });
    await following.ready;
    const sales = salesOn(store, catalog);
    for (const seatId of ['A-1-30', 'B-1-1', 'B-1-30']) {
      const context = { commandId: randomUUID() };
      const order = { concertId, sessionId, seatIds: [seatId], userId: sessionId, context };
      expect((await sales.reserve(order)).ok, seatId).to.equal(true);
    }
    const told: string[] = [];
    const onError = (what: string) => told.push(what);
    const parts = { store, catalog, sales, onProgress: () => {}, onError };
    const result = await cancelSession(sessionId, parts);
    expect(result.ok && result.value).to.deep.equal({
      seats: 60,
      done: 60,
      givenBack: 3,
      failed: 20,
    });
    expect(told).to.have.members(bad.map((seatId) => `seat ${seatId}`));
    const again = await cancelSession(sessionId, parts);
    expect(again.ok && again.value).to.include({ done: 60, givenBack: 0, failed: 20 });
    end.abort();
    await following.ended;
  });
});
