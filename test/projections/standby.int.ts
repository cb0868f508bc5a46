import { expect } from 'chai';
import { sql } from 'kysely';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { recorded } from './support/history.ts';
import { type ReadModels, readModels, rowsFromScratch, tableRows } from './support/read-models.ts';

const shape = { seed: 9, sessions: 2, seatsPerSession: 10, users: 3 };
const events = recorded(shape, 1_000);
const at = (index: number): bigint => events[index]?.position ?? 0n;

describe('an instance that stands by', function () {
  this.timeout(60_000);
  let models: ReadModels;

  beforeEach(async () => {
    models = await readModels();
  });

  afterEach(async () => {
    await stopInstances();
    await models.close();
  });

  /** An instance that is started when another leads, with a log of its own to hold back. */
  async function pair() {
    const stores = [new ArrayEventStore(), new ArrayEventStore()] as const;
    const leader = startInstance(models.url, stores[0]);
    await eventually('the first leads', () => leader.projector.status().state === 'live');
    const told: string[] = [];
    const logger = { warn() {}, error() {}, debug: (_: object, text: string) => told.push(text) };
    const standby = startInstance(models.url, stores[1], { logger });
    await eventually('the second is live', () => standby.projector.status().state === 'live');
    const append = (from: number, to: number) => {
      for (const store of stores) store.append(...events.slice(from, to));
    };
    const takesOver = () =>
      eventually('it leads', () => told.some((one) => one.includes('writes')));
    return { leader, standby, stores, append, takesOver };
  }

  it('shows what the other committed, from its own memory', async () => {
    const { standby, append } = await pair();
    append(0, 500);
    expect(await standby.projector.reached(at(499), 10_000)).to.equal(true);
    const seats = await standby.readSide.seats('c1', 's1');
    append(500, 1_000);
    expect(await standby.projector.reached(at(999), 10_000)).to.equal(true);
    expect(standby.projector.listenersAreFresh()).to.equal(true);
    expect(String((await standby.readSide.seats('c1', 's1'))?.body)).not.to.equal(
      String(seats?.body),
    );
  });

  it('does not show what it knows of and nobody committed', async () => {
    const { leader, standby, stores } = await pair();
    stores[1].append(...events.slice(0, 500));
    expect(await standby.projector.reached(at(499), 300)).to.equal(false);
    expect(standby.projector.status().position).to.equal(null);
    expect(JSON.parse(String((await standby.readSide.concerts()).body))).to.deep.equal([]);
    stores[0].append(...events.slice(0, 500));
    expect(await leader.projector.reached(at(499), 5_000)).to.equal(true);
    expect(await standby.projector.reached(at(499), 5_000)).to.equal(true);
  });

  it('asks PostgreSQL while it is behind it', async () => {
    const { leader, standby, stores, append } = await pair();
    append(0, 500);
    expect(await standby.projector.reached(at(499), 10_000)).to.equal(true);
    await standby.readSide.seats('c1', 's1');
    stores[1].holdBackFrom(500);
    append(500, 1_000);
    expect(await leader.projector.reached(at(999), 10_000)).to.equal(true);
    const told = await leader.readSide.seats('c1', 's1');
    await eventually('it is behind', () => !standby.projector.listenersAreFresh());
    expect(String((await standby.readSide.seats('c1', 's1'))?.body)).to.equal(String(told?.body));
    stores[1].holdBackFrom(Number.POSITIVE_INFINITY);
    expect(await standby.projector.reached(at(999), 10_000)).to.equal(true);
    expect(standby.projector.listenersAreFresh()).to.equal(true);
    const now = await standby.readSide.seats('c1', 's1');
    expect(String(now?.body)).to.equal(String(told?.body));
    expect(now?.etag).to.equal(told?.etag);
  });

  it('takes over, and does not write again what it had yet to read', async () => {
    const { leader, standby, stores, append, takesOver } = await pair();
    append(0, 300);
    expect(await standby.projector.reached(at(299), 10_000)).to.equal(true);
    stores[1].holdBackFrom(400);
    append(300, 800);
    expect(await leader.projector.reached(at(799), 10_000)).to.equal(true);
    await leader.stop();
    await takesOver();
    stores[1].holdBackFrom(600);
    stores[1].holdBackFrom(Number.POSITIVE_INFINITY);
    append(800, 1_000);
    expect(await standby.projector.reached(at(999), 10_000)).to.equal(true);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(events));
  });

  it('takes a notification, whatever it says, for no more than a reason to look', async () => {
    const { leader, standby, append } = await pair();
    append(0, 300);
    for (const one of [leader, standby]) {
      expect(await one.projector.reached(at(299), 10_000)).to.equal(true);
      await one.readSide.seats('c1', 's1');
    }
    for (const payload of ['hello', '1000000000000', '-1', '', '9'.repeat(40)]) {
      await sql`SELECT pg_notify('reprise_checkpoint', ${payload})`.execute(models.db);
    }
    append(300, 1_000);
    for (const one of [leader, standby]) {
      expect(await one.projector.reached(at(999), 10_000)).to.equal(true);
      expect(one.projector.status()).to.include({ state: 'live', position: at(999) });
    }
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(events));
    const seats = await Promise.all(
      [leader, standby].map(async ({ readSide }) =>
        String((await readSide.seats('c1', 's1'))?.body),
      ),
    );
    expect(seats[0]).to.equal(seats[1]);
  });
});
