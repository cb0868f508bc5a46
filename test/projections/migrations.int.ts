import { expect } from 'chai';
import { Kysely, Migrator, PostgresDialect, sql } from 'kysely';
import * as readModels from '../../migrations/0001-read-models.ts';
import * as wholePositions from '../../migrations/0007-whole-positions.ts';
import { migrate } from '../../migrations/migrate.ts';
import { decode } from '../../src/events/codec.ts';
import { eventAt } from '../../src/events/log-position.ts';
import { connectPostgres } from '../../src/infrastructure/postgres.ts';
import { writeRows } from '../../src/projections/engine/write-batch.ts';
import type { Database } from '../../src/projections/models/database.ts';
import { joinProjections } from '../../src/projections/models/projection.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { testDatabase } from '../support/servers.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { recorded } from './support/history.ts';
import { rowsFromScratch, tableRows } from './support/read-models.ts';

describe('migrations', function () {
  this.timeout(60_000);
  let url: string;
  let drop: () => Promise<void>;
  const open: Kysely<unknown>[] = [];

  const connect = (): Kysely<unknown> => {
    const { pool } = connectPostgres(url);
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
    open.push(db);
    return db;
  };

  beforeEach(async () => {
    ({ url, drop } = await testDatabase());
  });

  afterEach(async () => {
    await stopInstances();
    await Promise.all(open.splice(0).map((db) => db.destroy()));
    await drop();
  });

  it('are applied once by processes that start together', async () => {
    const applied = await Promise.all([connect(), connect(), connect()].map((db) => migrate(db)));
    expect(applied.flat()).to.deep.equal([
      '0001-read-models',
      '0002-rebuilds',
      '0003-projection-engine',
      '0004-parked-events',
      '0005-held-for-orders',
      '0006-log-of-tables',
      '0007-whole-positions',
      '0008-lost-fence',
    ]);
    expect(await migrate(connect())).to.deep.equal([]);
  });

  it('make every column that a projection writes, and its key', async () => {
    const db = connect();
    await migrate(db);
    for (const table of projections.flatMap((projection) => projection.tables)) {
      const columns = await sql<{ name: string; type: string }>`
        SELECT attname AS name, format_type(atttypid, null) AS type FROM pg_attribute
        WHERE attrelid = ${table.name}::regclass AND attnum > 0 ORDER BY attnum`.execute(db);
      const types = { timestamptz: 'timestamp with time zone' } as Record<string, string>;
      expect(Object.fromEntries(columns.rows.map(({ name, type }) => [name, type]))).to.deep.equal(
        Object.fromEntries(
          Object.entries(table.columns).map(([name, type]) => [name, types[type] ?? type]),
        ),
        table.name,
      );
      const key = await sql<{ name: string }>`
        SELECT attname AS name FROM pg_index
        JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
        WHERE indrelid = ${table.name}::regclass AND indisprimary ORDER BY attnum`.execute(db);
      expect(key.rows.map(({ name }) => name)).to.deep.equal(table.key, table.name);
    }
  });

  it('bring a database of the first schema, with its rows, to the newest; the engine goes on from there', async () => {
    const db = connect();
    const provider = { getMigrations: async () => ({ '0001-read-models': readModels }) };
    await new Migrator({ db, provider }).migrateToLatest();
    const events = recorded({ seed: 9, sessions: 3, seatsPerSession: 20, users: 5 }, 900);
    const old = events.slice(0, 600);
    const position = old.at(-1)?.position ?? 0n;
    const { pool } = connectPostgres(url);
    const project = joinProjections(projections);
    const client = await pool.connect();
    await writeRows(
      client,
      old.map(({ position, createdMs, ...event }) => ({
        position: eventAt(position),
        createdMs,
        changes: project(decode({ position, createdMs, ...event })),
        isEvent: true,
      })),
    );
    await client.query(
      `INSERT INTO projection_checkpoint (name, version, position, event_position)
       SELECT name, 1, $2, $2 FROM unnest($1::text[]) AS name`,
      [projections.map(({ name }) => name), position],
    );
    client.release();
    await pool.end();
    const rows = () => tableRows(db as Kysely<unknown> as Kysely<Database>);
    const before = await rows();
    expect(await migrate(db)).to.deep.equal([
      '0002-rebuilds',
      '0003-projection-engine',
      '0004-parked-events',
      '0005-held-for-orders',
      '0006-log-of-tables',
      '0007-whole-positions',
      '0008-lost-fence',
    ]);
    expect(await rows()).to.deep.equal(before);
    const store = new ArrayEventStore();
    store.append(...events);
    const { projector } = startInstance(url, store);
    expect(await projector.reached(events.at(-1)?.position ?? 0n, 20_000)).to.equal(true);
    expect(store.subscribedAfter).to.deep.equal([position]);
    const { rows: marks } = await sql`
      SELECT DISTINCT position, prepare, event_id AS id FROM projection_checkpoint`.execute(db);
    const last = events.at(-1);
    const end = last?.position;
    expect(marks).to.deep.equal([{ position: end, prepare: end, id: last?.id }]);
    expect(await rows()).to.deep.equal(rowsFromScratch(events));
  });

  it('reads on from right before a checkpoint that was no event, where the next event may be', async () => {
    const db = connect();
    await migrate(db);
    await sql`ALTER TABLE projection_checkpoint DROP COLUMN prepare, DROP COLUMN event_id,
      ADD COLUMN first_event text`.execute(db);
    await sql`INSERT INTO projection_checkpoint (name, version, position, event_position)
      VALUES ('at-event', 1, 70, 70), ('past-it', 1, 90, 70), ('new', 1, NULL, NULL)`.execute(db);
    await wholePositions.up(db);
    const { rows } = await sql`
      SELECT name, prepare, event_id FROM projection_checkpoint ORDER BY name`.execute(db);
    expect(rows).to.deep.equal([
      { name: 'at-event', prepare: 70n, event_id: null },
      { name: 'new', prepare: null, event_id: null },
      { name: 'past-it', prepare: 0n, event_id: null },
    ]);
  });

  it('refuse a database that a newer version of the service has migrated', async () => {
    const db = connect();
    await migrate(db);
    await sql`INSERT INTO kysely_migration (name, timestamp) VALUES ('9999-later', '')`.execute(db);
    const error = await migrate(connect()).catch((thrown: Error) => thrown);
    expect(error).to.be.instanceOf(Error);
    expect((error as Error).message).to.contain('9999-later');
  });
});
