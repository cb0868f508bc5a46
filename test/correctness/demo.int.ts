import { expect } from 'chai';
import { Catalog } from '../../src/commands/concert/catalog.ts';
import { type EventStore, EventStoreUnavailable } from '../../src/commands/core/event-store.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { followCatalog } from '../../src/processes/follow-catalog.ts';
import { seedDemo, wantsDemo } from '../../src/serve/demo.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { ignoringRevision } from './support/ignoring-revision.ts';
import { readEvents } from './support/read-audit.ts';
import { salesOn } from './support/sale.ts';

const services = 3;

// The demo belongs into an empty log only.
describeWithOwnEventStore(
  'services that start on an empty log at the same time, each with the demo',
  function () {
    this.timeout(120_000);
    let server: TestEventStore;
    /** What one service writes that nothing disturbs. */
    let one: RecordedEvent[];
    before(async () => {
      server = await testEventStore();
      one = await seed(1);
      await server.stop();
    });
    beforeEach(async () => {
      server = await testEventStore();
    });
    afterEach(() => server.stop());

    /**
     * Seeds from so many services, each of which found the log empty. @returns what is in the log
     * then
     */
    async function seed(
      count: number,
      change: (store: EventStore) => EventStore = (store) => store,
    ) {
      const stores = Array.from({ length: count }, () => connectEventStore(server.url));
      try {
        await Promise.all(stores.map((store) => seedFrom(change(store), new Catalog())));
        return await readEvents(stores[0] as EventStore);
      } finally {
        await Promise.all(stores.map((store) => store.close()));
      }
    }

    it('write what one would: every user 1,000,000,000 once, every session once, nothing else', async () => {
      const three = await seed(services);
      expect(three.length).to.equal(one.length);
      expect(contentOf(three)).to.deep.equal(contentOf(one));
      const charges = three.filter(({ type }) => type === 'BalanceCharged');
      expect(charges.length).to.equal(1_000);
      for (const { data } of charges) expect(data).to.include({ balance: 1_000_000_000 });
      expect(three.filter(({ type }) => type === 'SessionScheduled').length).to.equal(10 * 20);
      expect(new Set(three.map(({ type }) => type)).size, 'types of events').to.equal(4);
    });

    it('a service that starts later, or after one that died half way, writes what is missing', async () => {
      const dying = connectEventStore(server.url);
      let appends = 0;
      const half: EventStore = {
        ...dying,
        append: (...args) => {
          appends += 1;
          return appends > 1_080 ? Promise.reject(new Error('died')) : dying.append(...args);
        },
      };
      let death = '';
      await seedFrom(half, new Catalog()).catch((error) => {
        death = (error as Error).message;
      });
      expect(death).to.equal('died');
      const before = (await readEvents(dying)).length;
      const catalog = await follow(dying);
      expect(wantsDemo(catalog)).to.equal(true);
      await seedFrom(dying, catalog);
      const whole = await readEvents(dying);
      expect(whole.length).to.be.greaterThan(before);
      expect(wantsDemo(await follow(dying))).to.equal(false);
      await seedFrom(dying, await follow(dying));
      expect((await readEvents(dying)).length, 'again').to.equal(whole.length);
      await dying.close();
      expect(contentOf(whole)).to.deep.equal(contentOf(one));
    });

    it('outlive an event store that owes an answer now and then', async () => {
      let appends = 0;
      const events = await seed(1, (store) => ({
        ...store,
        async append(...args) {
          appends += 1;
          const owes = appends % 500 === 0;
          const result = await store.append(...args);
          if (owes) throw new EventStoreUnavailable('no clear answer');
          return result;
        },
      }));
      expect(appends, 'it was owed').to.be.greaterThan(1_000);
      expect(contentOf(events)).to.deep.equal(contentOf(one));
    });

    it('negative control: without the expected revision they write more', async () => {
      const events = await seed(2, ignoringRevision);
      expect(events.length).to.be.greaterThan(one.length);
    });
  },
);

const seedFrom = (store: EventStore, catalog: Catalog): Promise<void> =>
  seedDemo({ store, catalog, sales: salesOn(store, catalog), currency: 'KRW' });

async function follow(store: EventStore): Promise<Catalog> {
  const catalog = new Catalog();
  const end = new AbortController();
  const onError = (_what: string, error: unknown) => {
    throw error;
  };
  const following = followCatalog({ store, catalog, signal: end.signal, onError });
  await following.ready;
  end.abort();
  await following.ended;
  return catalog;
}

/** By stream, in order; without the moments at which it was written. */
function contentOf(events: readonly RecordedEvent[]): string[] {
  const told = events.map(({ stream, revision, type, data }) => {
    const { at: _, ...rest } = data as { at?: string };
    return `${stream} ${revision} ${type} ${JSON.stringify(rest)}`;
  });
  return told.sort();
}
