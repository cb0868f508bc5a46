import { expect } from 'chai';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { readParked } from '../../src/projections/parking/parked-table.ts';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { type Instance, startInstance, stopInstances } from './support/engines.ts';
import { recorded, withoutParked } from './support/history.ts';
import { type ReadModels, readModels, rowsFromScratch, tableRows } from './support/read-models.ts';
import { retryOn } from './support/repairs.ts';

const shape = { seed: 23, sessions: 3, seatsPerSession: 8, users: 5 };
/** More than may be parked. */
const foreignCount = 5_200;

/** Another program's events among ours, evenly: its positions are between those of ours. */
function mixed(
  ours: readonly RecordedEvent[],
  stream: (n: number) => { readonly stream: string; readonly revision: bigint },
): readonly RecordedEvent[] {
  const [first] = ours as [RecordedEvent];
  const all: RecordedEvent[] = [];
  const each = Math.ceil(foreignCount / ours.length);
  let n = 0;
  for (const event of ours) {
    for (let more = 0; more < each && n < foreignCount; more += 1, n += 1) {
      const other = { id: `other-${n}`, type: 'OrderPlaced', data: { total: n }, metadata: {} };
      all.push({ ...first, ...other, ...stream(n) });
    }
    all.push(event);
  }
  return all.map((event, at) => ({ ...event, position: BigInt(1_000 + at) }));
}

describe('streams that are named like ours and that another program has begun', function () {
  this.timeout(120_000);
  let models: ReadModels;
  let store: ArrayEventStore;
  let told: { facts: object; message: string }[];

  const tell = (facts: object, message: string) => told.push({ facts, message });
  const logger = { debug() {}, warn: tell, error: tell };
  const start = (options = {}) => startInstance(models.url, store, { logger, ...options });
  const isLive = (projector: Instance['projector']) =>
    eventually('it is live', () => projector.status().state === 'live');
  const ours = recorded(shape, 400);
  const last = (events: readonly RecordedEvent[]) => events.at(-1)?.position ?? 0n;
  const foreign = (events: readonly RecordedEvent[]) =>
    events.filter(({ id }) => id.startsWith('other-'));

  beforeEach(async () => {
    models = await readModels();
    store = new ArrayEventStore();
    told = [];
  });

  afterEach(async () => {
    await stopInstances();
    await models.close();
  });

  const retry = (eventStore: ArrayEventStore) => retryOn(models.postgres, eventStore);

  const kinds = {
    'one stream': (n: number) => ({ stream: 'order-theirs', revision: BigInt(n) }),
    'a stream each': (n: number) => ({ stream: `order-theirs-${n}`, revision: 0n }),
    'two of a stream, of every kind': (n: number) => ({
      stream: `${['order-', 'seat-', 'concert-', 'account-'][n % 4]}theirs ${n >> 3}`,
      revision: BigInt((n >> 2) % 2),
    }),
  };
  for (const [kind, stream] of Object.entries(kinds)) {
    it(`are passed over, however many events they have (${kind}), and told of once`, async () => {
      const all = mixed(ours, stream);
      expect(foreign(all)).to.have.lengthOf(foreignCount);
      store.append(...all);
      const { projector } = start();
      expect(await projector.reached(last(all), 60_000)).to.equal(true);
      await isLive(projector);
      expect(projector.status().parkedEvents).to.equal(0);
      expect(await readParked(models.postgres.pool)).to.deep.equal([]);
      expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(without(all)));
      expect(told.map(({ facts }) => facts)).to.deep.equal([
        { events: 1, stream: stream(0).stream },
      ]);
    });
  }

  it('count for nothing: of ours as many are parked as before', async () => {
    const all = mixed(ours, (n) => ({ stream: `order-theirs-${n}`, revision: 0n }));
    const poison = all.find(({ type }) => type === 'SeatSold') as RecordedEvent;
    const theirs = { id: 'other', type: 'InvoiceSent', data: {}, metadata: { schemaVersion: 1 } };
    // Theirs on a stream of ours: something may be missing there.
    const onOurs = {
      ...poison,
      ...theirs,
      stream: 'account-u1',
      revision: 10_000n,
      position: last(all) + 1n,
    };
    store.append(
      ...all.map((event) =>
        event === poison ? { ...event, metadata: { schemaVersion: 99 } } : event,
      ),
      onOurs,
    );
    const own = without(all);
    const behind = own.length - withoutParked(own, new Set([poison])).length;
    const { projector, stop } = start({ limits: { parkedEventsMax: behind + 1 } });
    expect(await projector.reached(onOurs.position, 60_000)).to.equal(true);
    await isLive(projector);
    expect(projector.status().parkedEvents).to.equal(behind + 1);
    const streams = (await readParked(models.postgres.pool)).map(({ stream }) => stream);
    expect(streams).to.have.members([poison.stream, 'account-u1']);
    await stop();
    // Found again by the last event of the tables, which may be theirs.
    const more = { ...(foreign(all)[0] as RecordedEvent), id: 'other-more', revision: 1n };
    store.append({ ...more, position: onOurs.position + 1n });
    const again = start();
    expect(await again.projector.reached(onOurs.position + 1n, 60_000)).to.equal(true);
    await again.stop();
    const third = start();
    expect(await third.projector.reached(onOurs.position + 1n, 60_000)).to.equal(true);
    await isLive(third.projector);
    expect(third.projector.status().parkedEvents).to.equal(behind + 1);
  });

  it('are not in the way of a retry of what is parked of ours', async () => {
    const all = mixed(ours, (n) => ({ stream: `seat-s1/theirs-${n}`, revision: 0n }));
    const poison = all.find(({ type }) => type === 'SessionScheduled') as RecordedEvent;
    store.append(
      ...all.map((event) =>
        event === poison ? { ...event, metadata: { schemaVersion: 99 } } : event,
      ),
    );
    const { projector } = start();
    expect(await projector.reached(last(all), 60_000)).to.equal(true);
    const behind = projector.status().parkedEvents;
    expect(behind).to.be.greaterThan(0);
    const upgraded = new ArrayEventStore();
    upgraded.append(...all);
    const { written, gone, remaining } = await retry(upgraded);
    expect([written, [...gone], remaining]).to.deep.equal([behind, [], []]);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(without(all)));
  });

  it('that an older version has parked take no more room, and are given up by a retry', async () => {
    const all = mixed(ours, (n) => ({ stream: 'order-theirs', revision: BigInt(n) }));
    const half = all.slice(0, all.length / 2);
    store.append(...half);
    const before = start();
    expect(await before.projector.reached(last(half), 60_000)).to.equal(true);
    await before.stop();
    const theirs = foreign(half);
    await models.postgres.pool.query(
      `INSERT INTO parked_event (stream, revision, position, type, error, events)
       VALUES ('order-theirs', 0, $1, 'OrderPlaced', 'its metadata has no schemaVersion', $2)`,
      [theirs[0]?.position, theirs.length],
    );
    store.append(...all.slice(half.length));
    const { projector } = start({ limits: { parkedEventsMax: theirs.length } });
    expect(await projector.reached(last(all), 60_000)).to.equal(true);
    await isLive(projector);
    expect(projector.status().parkedEvents).to.equal(theirs.length);
    const { written, gone, remaining } = await retry(store);
    expect([written, remaining]).to.deep.equal([0, []]);
    expect([...gone]).to.deep.equal([['order-theirs', theirs.length]]);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(without(all)));
  });
});

const without = (events: readonly RecordedEvent[]) =>
  events.filter(({ id }) => !id.startsWith('other-'));
