import { expect } from 'chai';
import { sql } from 'kysely';
import type pg from 'pg';
import { decode, type RecordedEvent } from '../../src/events/codec.ts';
import { eventAt } from '../../src/events/log-position.ts';
import { connectPostgres, type Postgres } from '../../src/infrastructure/postgres.ts';
import { OutOfOrder } from '../../src/projections/engine/backlog.ts';
import {
  type Checkpoint,
  FenceLost,
  logStart,
  readCheckpoint,
} from '../../src/projections/engine/checkpoint.ts';
import { writeBatch } from '../../src/projections/engine/write-batch.ts';
import type { Step } from '../../src/projections/log-step.ts';
import { joinProjections } from '../../src/projections/models/projection.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { enterBuild, prepareBuild, writeBuild } from '../../src/projections/rebuild/shadow.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { recorded } from './support/history.ts';
import { type ReadModels, readModels, rowsFromScratch, tableRows } from './support/read-models.ts';

const shape = { seed: 5, sessions: 2, seatsPerSession: 10, users: 3 };
const events = recorded(shape, 400);
const project = joinProjections(projections);
const steps = (some: readonly RecordedEvent[]): readonly Step[] =>
  some.map((event) => ({
    position: eventAt(event.position),
    createdMs: event.createdMs,
    changes: project(decode(event)),
    isEvent: true,
    event: { ...event, unreadable: undefined },
  }));

const checkpointAt = (event: RecordedEvent | undefined): Checkpoint =>
  event === undefined
    ? logStart
    : { position: eventAt(event.position), eventPosition: event.position, eventId: event.id };

describe('the fence', function () {
  this.timeout(60_000);
  let models: ReadModels;

  const withClient = async <T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    const client = await models.postgres.pool.connect();
    try {
      return await work(client);
    } finally {
      client.release(true);
    }
  };
  const write = (from: Checkpoint, some: readonly RecordedEvent[]) =>
    withClient((client) => writeBatch(client, projections, from, steps(some)));
  const refusal = (attempt: Promise<unknown>) => attempt.catch((error: unknown) => error);

  beforeEach(async () => {
    models = await readModels();
    await withClient((client) => readCheckpoint(client, projections));
  });

  afterEach(async () => {
    await stopInstances();
    await models.close();
  });

  it('lets a second projector change nothing', async () => {
    const first = events.slice(0, 200);
    await write(logStart, first);
    expect(await refusal(write(logStart, first))).to.be.instanceOf(FenceLost);
    const at = checkpointAt(first.at(-1));
    await write(at, events.slice(200));
    expect(await refusal(write(at, events.slice(200)))).to.be.instanceOf(FenceLost);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(events));
  });

  it('lets one of many that write at the same moment through', async () => {
    const attempts = Array.from({ length: 6 }, () => refusal(write(logStart, events)));
    const outcomes = await Promise.all(attempts);
    expect(outcomes.filter((one) => one instanceof FenceLost)).to.have.length(5);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(events));
  });

  it('is what keeps a batch from counting twice (without it, it does)', async () => {
    await write(logStart, events.slice(0, 200));
    // The guard taken away: the checkpoint says again what the second projector read.
    await sql`UPDATE projection_checkpoint
      SET position = NULL, prepare = NULL, event_position = NULL`.execute(models.db);
    await write(logStart, events.slice(0, 200));
    expect(await tableRows(models.db)).not.to.deep.equal(rowsFromScratch(events.slice(0, 200)));
  });

  it('is not asked to let a batch through of which a part is written', async () => {
    const from = checkpointAt(events[4]);
    const attempt = withClient((client) => writeBatch(client, projections, from, steps(events)));
    expect(await refusal(attempt)).to.be.instanceOf(OutOfOrder);
    expect((await tableRows(models.db)).concert).to.deep.equal([]);
  });

  it('is known by its own SQLSTATE: a real division by zero is none', async () => {
    await sql`CREATE FUNCTION divide() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM 1 / (SELECT 0); RETURN NEW; END $$`.execute(models.db);
    await sql`CREATE TRIGGER divide BEFORE UPDATE ON projection_checkpoint
      FOR EACH ROW EXECUTE FUNCTION divide()`.execute(models.db);
    const error = await refusal(write(logStart, events));
    expect(error).not.to.be.instanceOf(FenceLost);
    expect(error).to.have.property('code', '22012');
    await sql`DROP TRIGGER divide ON projection_checkpoint`.execute(models.db);
    await write(logStart, events);
    const lost = await refusal(write(logStart, events));
    expect(lost).to.be.instanceOf(FenceLost);
  });

  it('guards the new tables that a rebuild fills, too', async () => {
    await withClient(async (client) => {
      const live = await enterBuild(client);
      const wanted = { projections, through: 'end', isOfLog: async () => true } as const;
      const built = await prepareBuild(client, live, wanted, () => '');
      const fill = () => writeBuild(client, live, built, steps(events), () => '');
      expect((await fill()).events).to.equal(events.length);
      expect(await refusal(fill())).to.be.instanceOf(FenceLost);
    });
    expect((await tableRows(models.db)).concert, 'the live tables').to.deep.equal([]);
  });

  it('takes an older or newer version of a projection for somebody else', async () => {
    const newer = projections.map((one) => ({ ...one, version: one.version + 1 }));
    const attempt = withClient((client) => writeBatch(client, newer, logStart, steps(events)));
    expect(await refusal(attempt)).to.be.instanceOf(FenceLost);
    expect((await tableRows(models.db)).concert).to.deep.equal([]);
  });

  it('holds when two engines believe that they lead', async () => {
    let lost = 0;
    const logger = {
      debug() {},
      error() {},
      warn: (facts: object) => {
        if ('err' in facts && facts.err instanceof FenceLost) lost += 1;
      },
    };
    const store = new ArrayEventStore();
    const limits = { batchEventsMax: 7, retryMsMax: 20 };
    const pools = [lawless(), lawless()];
    const engines = pools.map(({ pool }) =>
      startInstance(models.url, store, { limits, logger, pool }),
    );
    for (const event of events) {
      store.append(event);
      await new Promise(setImmediate);
    }
    const head = events.at(-1)?.position ?? 0n;
    for (const { projector } of engines)
      expect(await projector.reached(head, 20_000)).to.equal(true);
    expect(lost).to.be.greaterThan(0);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(events));
    await stopInstances();
    for (const { close } of pools) await close();
  });

  /** Connections that everybody gets the lock on, as behind a pooler. */
  const lawless = (): Postgres => {
    const postgres = connectPostgres(models.url);
    postgres.pool.on('connect', (client) => {
      const { query } = client;
      const ask = (asked: unknown, ...more: unknown[]) => {
        const { text = asked } = asked as { text?: unknown };
        const isLock = typeof text === 'string' && text.includes('pg_try_advisory_lock');
        return Reflect.apply(query, client, [isLock ? 'SELECT true AS leads' : asked, ...more]);
      };
      client.query = ask as typeof query;
    });
    return postgres;
  };
});
