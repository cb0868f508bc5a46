import { expect } from 'chai';
import { sql } from 'kysely';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { connectPostgres, type Postgres } from '../../src/infrastructure/postgres.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { readParked } from '../../src/projections/parking/parked-table.ts';
import type { RebuildProgress } from '../../src/projections/rebuild/options.ts';
import { rebuild } from '../../src/projections/rebuild/rebuild-tables.ts';
import { type RenewOptions, renewTables } from '../../src/projections/rebuild/renew.ts';
import { ReadSideUnavailable } from '../../src/queries/read-side.ts';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { recorded } from './support/history.ts';
import { newerProjections, visitors } from './support/newer-projections.ts';
import { expectNewTablesIn, schemasIn, versionIn } from './support/newer-tables.ts';
import {
  hashOf,
  type ReadModels,
  readModels,
  rowsFromScratch,
  tableRows,
} from './support/read-models.ts';

const shape = { seed: 6, sessions: 4, seatsPerSession: 25, users: 8 };
const events = recorded(shape, 5_000);
const built = events.slice(0, 4_000);
const last = (some: readonly RecordedEvent[]): bigint => some.at(-1)?.position ?? 0n;

describe('a deployment with read models of another shape', function () {
  this.timeout(120_000);
  let models: ReadModels;
  let store: ArrayEventStore;
  let postgres: Postgres;
  let stopping: AbortController;

  beforeEach(async () => {
    models = await readModels();
    store = new ArrayEventStore();
    postgres = connectPostgres(models.url, { statementTimeoutMs: 60_000, connectionsMax: 20 });
    stopping = new AbortController();
  });

  afterEach(async () => {
    stopping.abort(new Error('the test is over'));
    await stopInstances();
    await postgres.close();
    await models.close();
  });

  const live = async () => {
    store.append(...built);
    const old = startInstance(models.url, store);
    expect(await old.projector.reached(last(built), 30_000)).to.equal(true);
    return old;
  };

  const renew = (options: Partial<RenewOptions> = {}) =>
    renewTables({
      eventStore: store,
      pool: postgres.pool,
      projections: newerProjections,
      signal: stopping.signal,
      onProgress: () => {},
      onWait: () => {},
      onTrouble: () => {},
      ...options,
      limits: { pollMs: 20, ...options.limits },
    });

  /** An instance of the later version, with what it was told. */
  const deploy = (options: Partial<RenewOptions> = {}) => {
    const steps = new Set<RebuildProgress['step']>();
    let waits = 0;
    const onProgress = ({ step }: RebuildProgress) => steps.add(step);
    const onWait = () => {
      waits += 1;
    };
    const instance = startInstance(models.url, options.eventStore ?? store, {
      projections: options.projections ?? newerProjections,
      renew: () => renew({ onProgress, onWait, ...options }),
    });
    return { ...instance, steps, waits: () => waits };
  };

  const schemas = () => schemasIn(models.db);
  const versionOf = (name: string) => versionIn(models.db, name);
  const expectNewTables = (of: readonly RecordedEvent[]) => expectNewTablesIn(models.db, of);

  it('builds them once while the older service serves and writes, and switches', async () => {
    const old = await live();
    const seats = shape.sessions * shape.seatsPerSession;
    let asked = 0;
    let switched = false;
    const buyers = (async () => {
      while (!switched) {
        if ((await versionOf('seat')) === 2) break;
        const { rows } = await sql<{ n: bigint }>`SELECT count(*) AS n FROM seat`.execute(old.db);
        expect(Number(rows[0]?.n)).to.equal(seats);
        for (let n = 1; n <= shape.sessions; n += 1) {
          const shown = await old.readSide.seats(`c${n}`, `s${n}`).catch(async (error: unknown) => {
            if ((await versionOf('seat')) === 2) return undefined;
            throw error;
          });
          if (shown === undefined) break;
          const { seatList } = JSON.parse(String(shown.body));
          expect(seatList).to.have.length(shape.seatsPerSession);
        }
        asked += 1;
      }
    })();
    const fresh = [deploy(), deploy(), deploy()];
    const states = () => fresh.map(({ projector }) => projector.status().state);
    await eventually('one builds', () => fresh.some(({ steps }) => steps.has('filling')));
    expect(states()).to.include('building');
    // One that comes late may find the tables there already.
    await eventually('the others wait for it', () =>
      states().every((state) => state === 'building' || state === 'live'),
    );
    // The older service goes on writing.
    for (let at = built.length; at < events.length; at += 20) {
      store.append(...events.slice(at, at + 20));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const { projector } of fresh) {
      await eventually('live', () => projector.status().state === 'live', 60_000);
      expect(await projector.reached(last(events), 20_000)).to.equal(true);
    }
    switched = true;
    await buyers;
    expect(asked).to.be.greaterThan(10);
    expect(fresh.filter(({ steps }) => steps.has('swapping'))).to.have.length(1);
    expect(fresh.filter(({ waits }) => waits() > 0).length).to.be.greaterThan(0);
    // It looks at the checkpoints once a second, if no notification tells it sooner.
    await eventually('the older one stops', () => old.projector.status().state === 'stopped');
    const refused = await old.readSide.seats('c1', 's1').catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(ReadSideUnavailable);
    await expectNewTables(events);
    const { rows } = await sql<{ name: string }>`
      SELECT indexrelid::regclass::text AS name FROM pg_index
      WHERE indrelid = 'seat'::regclass ORDER BY 1`.execute(models.db);
    expect(rows.map(({ name }) => name)).to.deep.equal(['seat_of_gate', 'seat_pkey']);
    expect(await schemas()).to.deep.equal(['reprise_old']);
  });

  it('leaves nothing when the service is stopped meanwhile', async () => {
    const old = await live();
    const fresh = deploy();
    await eventually('it builds', () => fresh.steps.has('filling'), 20_000);
    stopping.abort(new Error('stopping'));
    await fresh.stop();
    expect(await schemas()).to.deep.equal([]);
    expect(await versionOf('seat')).to.equal(1);
    expect(old.projector.status().state).to.equal('live');
    expect(hashOf(await tableRows(models.db))).to.equal(hashOf(rowsFromScratch(built)));
  });

  it('begins with the new shape on an empty database', async () => {
    store.append(...built);
    const { projector } = deploy();
    expect(await projector.reached(last(built), 30_000)).to.equal(true);
    expect(await versionOf('seat')).to.equal(2);
    await expectNewTables(built);
  });

  it('brings a read model that there was not', async () => {
    await live();
    const more = projections.map((one) => (one.name === 'seat' ? { ...one, version: 2 } : one));
    const fresh = deploy({ projections: [...more, visitors] });
    await eventually('live', () => fresh.projector.status().state === 'live', 60_000);
    store.append(...events.slice(built.length));
    expect(await fresh.projector.reached(last(events), 20_000)).to.equal(true);
    const { rows } = await sql<{ seats: bigint }>`SELECT sum(seats) AS seats FROM visitor`.execute(
      models.db,
    );
    expect(Number(rows[0]?.seats)).to.equal(
      events.filter(({ type }) => type === 'SeatReserved').length,
    );
    expect(hashOf(await tableRows(models.db))).to.equal(hashOf(rowsFromScratch(events)));
  });

  it('answers from memory again when tables that it served had to be renewed', async () => {
    store.append(...built);
    const { projector } = startInstance(models.url, store, {
      renew: () => renew({ projections }),
    });
    expect(await projector.reached(last(built), 30_000)).to.equal(true);
    // As if somebody had put a projection in place that is not at the others' position.
    await sql`UPDATE projection_checkpoint SET position = position - 1 WHERE name = 'concert'`.execute(
      models.db,
    );
    store.append(...events.slice(built.length));
    expect(await projector.reached(last(events), 30_000)).to.equal(true);
    await eventually('from memory', () => projector.listenersAreFresh(), 10_000);
    expect(projector.status().state).to.equal('live');
    expect(hashOf(await tableRows(models.db))).to.equal(hashOf(rowsFromScratch(events)));
  });

  it('stops at an event that it cannot read, and the older service goes on', async () => {
    const old = await live();
    const poisoned = new ArrayEventStore();
    const poison = { ...(events[250] as RecordedEvent), metadata: { schemaVersion: 99 } };
    poisoned.append(...built.slice(0, 250), poison, ...built.slice(251));
    const fresh = deploy({ eventStore: poisoned });
    await eventually('it stops', () => fresh.projector.status().state === 'stopped', 20_000);
    expect(fresh.projector.status().error).to.contain(`event ${poison.revision}@${poison.stream}`);
    expect(await schemas()).to.deep.equal([]);
    store.append(...events.slice(built.length));
    expect(await old.projector.reached(last(events), 20_000)).to.equal(true);
  });

  it('un-parks what it can read, and builds every read model for it', async () => {
    const sale = built.find(({ type }) => type === 'SeatReserved') as RecordedEvent;
    const unreadable = { ...sale, metadata: { schemaVersion: 99 } };
    store.append(...built.map((event) => (event === sale ? unreadable : event)));
    const old = startInstance(models.url, store);
    expect(await old.projector.reached(last(built), 30_000)).to.equal(true);
    expect(old.projector.status().parkedEvents).to.be.greaterThan(0);
    expect(hashOf(await tableRows(models.db))).not.to.equal(hashOf(rowsFromScratch(built)));
    await old.stop();
    const readable = new ArrayEventStore();
    readable.append(...built);
    const fresh = deploy({ eventStore: readable });
    await eventually('live', () => fresh.projector.status().state === 'live', 60_000);
    expect(fresh.projector.status().parkedEvents).to.equal(0);
    expect(await readParked(postgres.pool)).to.deep.equal([]);
    const { rows } = await sql<{ rebuilt: boolean }>`
      SELECT rebuilt_at IS NOT NULL AS rebuilt FROM projection_checkpoint`.execute(models.db);
    expect(rows.map(({ rebuilt }) => rebuilt)).to.deep.equal(newerProjections.map(() => true));
    readable.append(...events.slice(built.length));
    expect(await fresh.projector.reached(last(events), 20_000)).to.equal(true);
    await expectNewTables(events);
  });

  it('stops at what is parked and cannot be read by it either, and parks nothing less', async () => {
    const sale = built.find(({ type }) => type === 'SeatReserved') as RecordedEvent;
    const unreadable = { ...sale, metadata: { schemaVersion: 99 } };
    store.append(...built.map((event) => (event === sale ? unreadable : event)));
    const old = startInstance(models.url, store);
    expect(await old.projector.reached(last(built), 30_000)).to.equal(true);
    const before = await readParked(postgres.pool);
    const rows = hashOf(await tableRows(models.db));
    const fresh = deploy();
    await eventually('it stops', () => fresh.projector.status().state === 'stopped', 20_000);
    expect(fresh.projector.status().error).to.contain(`event ${sale.revision}@${sale.stream}`);
    expect(await schemas()).to.deep.equal([]);
    expect(await readParked(postgres.pool)).to.deep.equal(before);
    expect(hashOf(await tableRows(models.db))).to.equal(rows);
    expect(old.projector.status().state).to.equal('live');
  });

  it('never puts an older version in the place of a newer one', async () => {
    await live();
    await renew();
    let tried = 0;
    const again = startInstance(models.url, store, {
      renew: async () => {
        tried += 1;
      },
    });
    await eventually('it stops', () => again.projector.status().state === 'stopped', 20_000);
    expect(again.projector.status().error).to.contain('seat has version 2, not 1');
    expect(tried).to.equal(0);
    const error = await rebuild({
      eventStore: store,
      pool: postgres.pool,
      projections,
      dryRun: false,
      signal: stopping.signal,
      onProgress: () => {},
      onDifference: () => {},
      onTrouble: () => {},
    }).catch((thrown: Error) => thrown);
    expect((error as Error).message).to.contain('seat has version 2, not 1');
    expect(await versionOf('seat')).to.equal(2);
    expect(await schemas()).to.deep.equal(['reprise_old']);
  });

  it('does not wait for ever for a build that does not move', async () => {
    await live();
    const holder = await postgres.pool.connect();
    await holder.query('SELECT pg_advisory_lock(7277003)');
    const error = await renew({ limits: { silentMsMax: 200 } }).catch((thrown: Error) => thrown);
    holder.release(true);
    expect((error as Error).message).to.contain('without progress');
    await renew();
    expect(await versionOf('seat')).to.equal(2);
  });
});
