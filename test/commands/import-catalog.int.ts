import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { Catalog } from '../../src/commands/concert/catalog.ts';
import { importCatalog } from '../../src/commands/concert/import-catalog.ts';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { ignoringRevision } from '../correctness/support/ignoring-revision.ts';
import { readEvents } from '../correctness/support/read-audit.ts';
import { type TestEventStore, testEventStore } from '../support/servers.ts';

const sessions = 25;

describe('two imports that want the same session ids for different concerts, at the same time', function () {
  this.timeout(60_000);
  let server: TestEventStore;
  let stores: EventStore[];
  before(async () => {
    server = await testEventStore();
    stores = [connectEventStore(server.url), connectEventStore(server.url)];
  });
  after(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await server.stop();
  });

  const scheduled = async (run: string) =>
    (await readEvents(stores[0] as EventStore, ({ stream }) => stream.includes(run))).filter(
      ({ type }) => type === 'SessionScheduled',
    );

  /**
   * Each imports a concert of its own with one session of its own and the same others. @returns
   * what was refused
   */
  async function race(run: string, change: (store: EventStore) => EventStore): Promise<string[]> {
    const refused: string[] = [];
    const bring = async (store: EventStore, name: string): Promise<void> => {
      const ids = Array.from({ length: sessions }, (_, n) => `${run}-${n}`);
      const concert = {
        concertId: `${run}-${name}`,
        title: name,
        sessions: [...ids, `${run}-own-${name}`].map((sessionId) => ({
          sessionId,
          startsAt: '2099-01-01T00:00:00.000Z',
          salesOpenAt: '2020-01-01T00:00:00.000Z',
          sections: [{ section: 'A', price: 100, rows: [{ row: '1', seats: [1] }] }],
        })),
      };
      const parts = { store: change(store), catalog: new Catalog(), currency: 'KRW' };
      for await (const { what, outcome } of importCatalog([concert], parts)) {
        if (typeof outcome === 'object') refused.push(`${name}, ${what}: ${outcome.code}`);
      }
    };
    await Promise.all(stores.map((store, n) => bring(store, `c${n}`)));
    return refused;
  }

  it('one concert gets each of them, the other is refused, and so it stays', async () => {
    for (let round = 0; round < 10; round++) {
      const run = `i${randomUUID().slice(0, 8)}`;
      const refused = await race(run, (store) => store);
      const ids = (await scheduled(run)).map(
        ({ data }) => (data as { sessionId: string }).sessionId,
      );
      expect(new Set(ids).size, 'scheduled once each').to.equal(ids.length);
      expect(ids.length).to.equal(sessions + 2);
      expect(refused.length).to.equal(sessions);
      for (const line of refused) expect(line).to.match(/session-elsewhere$/);
      expect(await race(run, (store) => store), 'again').to.have.members(refused);
      expect((await scheduled(run)).length, 'again').to.equal(ids.length);
    }
  });

  it('negative control: without the expected revision both get them', async () => {
    // Whether the two meet is the machine's to say: so many times they do not all miss each other.
    for (let round = 0; round < 50; round++) {
      const run = `i${randomUUID().slice(0, 8)}`;
      await race(run, ignoringRevision);
      if ((await scheduled(run)).length > sessions + 2) return;
    }
    expect.fail('no session was scheduled twice');
  });
});
