import { expect } from 'chai';
import { sql } from 'kysely';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { ReadSideUnavailable } from '../../src/queries/read-side.ts';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { randomInts, recorded } from './support/history.ts';
import { type ReadModels, readModels, rowsFromScratch, tableRows } from './support/read-models.ts';

const shape = { seed: 1, sessions: 4, seatsPerSession: 25, users: 8 };
const last = (events: readonly RecordedEvent[]): bigint => events.at(-1)?.position ?? 0n;

describe('the projection engine', function () {
  this.timeout(60_000);
  let models: ReadModels;
  let store: ArrayEventStore;

  const start = (options = {}) => startInstance(models.url, store, options);
  const checkpoints = () =>
    models.db.selectFrom('projection_checkpoint').selectAll().orderBy('name').execute();
  const position = async () => (await checkpoints())[0]?.position;

  beforeEach(async () => {
    models = await readModels();
    store = new ArrayEventStore();
  });

  afterEach(async () => {
    await stopInstances();
    await models.close();
  });

  it('makes the tables what the events come to, in batches of any size', async () => {
    const events = recorded(shape, 2_000);
    const { projector } = start({ limits: { batchEventsMax: 37, backlogEventsMax: 50 } });
    store.append(...events.slice(0, 1_000));
    expect(await projector.reached(last(events.slice(0, 1_000)), 20_000)).to.equal(true);
    store.append(...events.slice(1_000));
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(events));
    const moved = await checkpoints();
    expect(moved.map(({ name }) => name)).to.have.members(projections.map(({ name }) => name));
    for (const one of moved) expect(one.position).to.equal(last(events));
  });

  it('goes on from the checkpoint after a restart', async () => {
    const events = recorded(shape, 2_000);
    store.append(...events.slice(0, 900));
    const first = start();
    expect(await first.projector.reached(last(events.slice(0, 900)), 10_000)).to.equal(true);
    await first.stop();
    store.append(...events.slice(900));
    const { projector } = start();
    expect(await projector.reached(last(events), 10_000)).to.equal(true);
    expect(store.subscribedAfter).to.deep.equal([null, events[899]?.position]);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(events));
  });

  it('finishes at once on an empty log, and is live', async () => {
    const { projector } = start();
    await eventually('live', () => projector.status().state === 'live');
    const nothing = { position: null, lagSeconds: 0, parkedEvents: 0 };
    expect(projector.status()).to.include({ state: 'live', ...nothing });
  });

  it('moves the checkpoint past what it does not read, a bounded number of times', async () => {
    const { projector } = start({ limits: { idleCheckpointMs: 300 } });
    await eventually('live', () => projector.status().state === 'live');
    const before = await transactions();
    for (let n = 1n; n <= 5_000n; n += 1n) {
      store.checkpoint(n * 10n);
      if (n % 500n === 0n) await new Promise(setImmediate);
    }
    await eventually('the checkpoint moved', async () => (await position()) === 50_000n);
    expect(Number((await transactions()) - before)).to.be.at.most(5);
  });

  /** Transactions that moved the checkpoint, told by the row's version. */
  async function transactions(): Promise<bigint> {
    const { rows } = await sql<{ n: bigint }>`
      SELECT coalesce(max(xmin::text::bigint), 0) AS n FROM projection_checkpoint`.execute(
      models.db,
    );
    return rows[0]?.n ?? 0n;
  }

  it('loses and doubles nothing when its connection is cut again and again', async () => {
    const events = recorded(shape, 4_000);
    const { projector } = start({ limits: { batchEventsMax: 40, retryMsMax: 20 } });
    const random = randomInts(7);
    let cuts = 0;
    // A busy machine makes fewer connections meanwhile: it goes on until they are as many.
    for (let at = 0; at < events.length || cuts <= 20; at += 40) {
      store.append(...events.slice(at, at + 40));
      await new Promise((resolve) => setTimeout(resolve, random(30)));
      const { rows } = await sql<{ cut: boolean }>`
        SELECT pg_terminate_backend(pid) AS cut FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`.execute(models.db);
      cuts += rows.length;
    }
    expect(cuts).to.be.greaterThan(20);
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(events));
  });

  it('stops loudly at an event that it can neither read nor park, after everything before it', async () => {
    const events = recorded(shape, 500);
    const poison: RecordedEvent = {
      ...(events[499] as RecordedEvent),
      position: last(events) + 1n,
      metadata: { schemaVersion: 99 },
    };
    store.append(...events, poison);
    const errors: string[] = [];
    const logger = { debug() {}, warn() {}, error: (_: object, text: string) => errors.push(text) };
    const { projector, readSide } = start({ logger, limits: { parkedEventsMax: 0 } });
    await eventually('stopped', () => projector.status().state === 'stopped');
    expect(projector.status().error).to.contain('newer than 1: upgrade first');
    expect(projector.status().position).to.equal(last(events));
    expect(errors).to.deep.equal(['projections: stopped']);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(events));
    expect(await projector.reached(poison.position, 10_000)).to.equal(false);
    expect(JSON.parse(String((await readSide.concerts()).body))).to.have.length(shape.sessions);
    // Whoever can read it may go on.
    const newer = new ArrayEventStore();
    newer.append(...events, { ...poison, metadata: { schemaVersion: 1 } });
    const able = startInstance(models.url, newer);
    expect(await able.projector.reached(poison.position, 10_000)).to.equal(true);
  });

  it('stops at an event that a projection fails at, and names it', async () => {
    const events = recorded(shape, 500);
    store.append(...events);
    const sold = events.find(({ type }) => type === 'SeatSold') as RecordedEvent;
    const fails = () => {
      throw new TypeError('a bug');
    };
    const broken = projections.map((one) =>
      one.name === 'seat' ? { ...one, on: { ...one.on, SeatSold: fails } } : one,
    );
    const { projector } = start({ projections: broken });
    await eventually('stopped', () => projector.status().state === 'stopped');
    const named = `event ${sold.revision}@${sold.stream} (SeatSold): a bug`;
    expect(projector.status()).to.include({ error: named, parkedEvents: 0 });
    const before = events.slice(0, events.indexOf(sold));
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(before));
  });

  it('shows nothing while the log is shorter than the tables, and goes on when it has all again', async () => {
    const events = recorded(shape, 300);
    store.append(...events);
    const first = start();
    expect(await first.projector.reached(last(events), 10_000)).to.equal(true);
    await first.stop();
    const other = new ArrayEventStore();
    other.append(...events.slice(0, 200));
    const before = await tableRows(models.db);
    const { projector, readSide } = startInstance(models.url, other);
    await eventually('another log', () => projector.status().state === 'other-log');
    expect(projector.status().error).to.contain(`at position ${last(events)}`);
    const shown = await readSide.concerts().catch((error: unknown) => error);
    expect(shown).to.be.instanceOf(ReadSideUnavailable);
    expect(await tableRows(models.db)).to.deep.equal(before);
    other.append(...events.slice(200));
    await eventually('live', () => projector.status().state === 'live');
    expect(JSON.parse(String((await readSide.concerts()).body))).not.to.deep.equal([]);
  });

  it('stops when the tables are of another version', async () => {
    start();
    await eventually('registered', async () => (await checkpoints()).length > 0);
    await stopInstances();
    await sql`UPDATE projection_checkpoint SET version = 2 WHERE name = 'seat'`.execute(models.db);
    const { projector } = start();
    await projector.done;
    expect(projector.status().state).to.equal('stopped');
    expect(projector.status().error).to.contain('seat has version 2, not 1');
  });

  it('stops at what can only be a bug, and does not try it again and again', async () => {
    const events = recorded(shape, 100);
    store.append(...events);
    const first = start();
    expect(await first.projector.reached(last(events), 10_000)).to.equal(true);
    await stopInstances();
    await sql`INSERT INTO parked_event (stream, revision, position, type, error, events)
      VALUES ('seat-s/1', 0, 1, 'SeatReserved', 'none', 0)`.execute(models.db);
    const { projector } = start();
    await eventually('stopped', () => projector.status().state === 'stopped');
    expect(projector.status().error).to.contain('seat-s/1 is parked without an event');
  });

  it('reads anew when the tables are emptied under it', async () => {
    const events = recorded(shape, 1_000);
    store.append(...events.slice(0, 900));
    const { projector, readSide } = start();
    expect(await projector.reached(last(events.slice(0, 900)), 10_000)).to.equal(true);
    await readSide.concerts();
    await sql`TRUNCATE concert, session, seat, reservation, account, payment,
      projection_checkpoint`.execute(models.db);
    store.append(...events.slice(900));
    await eventually('all again', async () => (await position()) === last(events), 10_000);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(events));
    expect(await projector.reached(last(events), 10_000)).to.equal(true);
  });

  it('tells the age of the oldest event that is not shown', async () => {
    const events = recorded(shape, 100);
    let now = (events[99]?.createdMs ?? 0) + 1_000;
    const { projector } = start({ now: () => now });
    store.append(...events);
    expect(await projector.reached(last(events), 10_000)).to.equal(true);
    expect(projector.status().lagSeconds).to.equal(0);
    const lock = await models.postgres.pool.connect();
    await lock.query('BEGIN; LOCK TABLE projection_checkpoint IN EXCLUSIVE MODE');
    const next = { ...(events[99] as RecordedEvent), position: last(events) + 5n, createdMs: now };
    store.append(next);
    now += 2_500;
    await eventually('lagging', () => projector.status().lagSeconds === 2.5);
    await lock.query('ROLLBACK');
    lock.release();
    expect(await projector.reached(next.position, 10_000)).to.equal(true);
    expect(projector.status().lagSeconds).to.equal(0);
  });
});
