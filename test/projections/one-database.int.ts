import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Kysely, PostgresDialect } from 'kysely';
import type { QueryResultRow } from 'pg';
import { migrate } from '../../migrations/migrate.ts';
import { connectPostgres, type Postgres } from '../../src/infrastructure/postgres.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { rebuild } from '../../src/projections/rebuild/rebuild-tables.ts';
import { type TestDatabase, testDatabase } from '../support/servers.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { recorded } from './support/history.ts';

const shape = { seed: 6, sessions: 2, seatsPerSession: 10, users: 4 };
const events = recorded(shape, 300);
const last = events.at(-1)?.position ?? 0n;

describe('one PostgreSQL and its other users', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  const opened: Postgres[] = [];
  beforeEach(async () => {
    database = await testDatabase();
  });
  afterEach(async () => {
    await stopInstances();
    for (const one of opened.splice(0)) await one.close();
    await database.drop();
  });

  const connect = (url = database.url): Postgres => {
    const postgres = connectPostgres(url, { statementTimeoutMs: 30_000 });
    opened.push(postgres);
    return postgres;
  };
  const rowsOf = async <Row extends QueryResultRow>(text: string) =>
    (await connect().pool.query<Row>(text)).rows;
  const inSchema = (schema: string): string => {
    const url = new URL(database.url);
    url.searchParams.set('options', `-csearch_path=${schema}`);
    return url.href;
  };
  const migrated = async (url = database.url) => {
    const { pool } = connectPostgres(url);
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
    const applied = await migrate(db);
    await db.destroy();
    return applied;
  };
  /** A service's read models with some history in them, still written. */
  const fill = async (url = database.url) => {
    const store = new ArrayEventStore();
    store.append(...events);
    const { projector } = startInstance(url, store);
    expect(await projector.reached(last, 20_000), `${url} is written`).to.equal(true);
    return store;
  };
  const rebuilt = (eventStore: ArrayEventStore, postgres: Postgres, holdAttemptsMax = 20) =>
    rebuild({
      ...{ eventStore, pool: postgres.pool, projections, dryRun: false },
      ...{ signal: new AbortController().signal, limits: { holdAttemptsMax } },
      ...{ onProgress: () => {}, onDifference: () => {}, onTrouble: () => {} },
    });

  it('two schemas with a service each: both are written, and rebuilt beside each other', async () => {
    await rowsOf('CREATE SCHEMA second');
    for (const url of [database.url, inSchema('second')]) {
      expect(await migrated(url)).to.include('0001-read-models');
    }
    const stores = [await fill(), await fill(inSchema('second'))] as const;
    const results = await Promise.all([
      rebuilt(stores[0], connect()),
      rebuilt(stores[1], connect(inSchema('second'))),
    ]);
    expect(results.map(({ differences, oldSchema }) => [differences, oldSchema])).to.deep.equal([
      [0, 'reprise_old'],
      [0, 'reprise_old_second'],
    ]);
    const counts = await rowsOf<{ one: bigint; two: bigint }>(
      'SELECT (SELECT count(*) FROM seat) AS one, (SELECT count(*) FROM second.seat) AS two',
    );
    expect(counts).to.deep.equal([{ one: 20n, two: 20n }]);
  });

  it('a publication of all tables, another isolation by default, a schema named like the role: rebuild', async () => {
    await migrated();
    const store = await fill();
    const name = new URL(database.url).pathname.slice(1);
    const { username } = new URL(database.url);
    await rowsOf('CREATE PUBLICATION everything FOR ALL TABLES');
    await rowsOf(`CREATE SCHEMA "${username}"`);
    await rowsOf(`ALTER DATABASE ${name} SET default_transaction_isolation TO 'serializable'`);
    const { differences, swapped } = await rebuilt(store, connect());
    expect({ differences, swapped }).to.deep.equal({ differences: 0, swapped: true });
    expect(await rowsOf('SHOW transaction_isolation')).to.deep.equal([
      { transaction_isolation: 'read committed' },
    ]);
  });

  it('a role that may make no schemas is told the GRANT for a rebuild', async () => {
    const role = `owner_${process.pid}`;
    await rowsOf(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT ALL ON SCHEMA public TO ${role}`);
    try {
      const url = new URL(database.url);
      Object.assign(url, { username: role, password: 'x' });
      await migrated(url.href);
      const error = await rebuilt(new ArrayEventStore(), connect(url.href)).catch(String);
      expect(error).to.match(/GRANT CREATE ON DATABASE reprise_test_\w+ TO owner_/);
    } finally {
      for (const one of opened.splice(0)) await one.close();
      await rowsOf(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  it('rebuild says who keeps the tables in use', async () => {
    await migrated();
    const store = await fill();
    const reader = await connect().pool.connect();
    await reader.query("SET application_name TO 'a report'; BEGIN; SELECT FROM seat");
    const error = await rebuilt(store, connect(), 2).catch(String);
    reader.release(true);
    expect(error).to.match(
      /In use by process \d+ \(\w+, a report\), idle in transaction for \d+ s: /,
    );
  });

  it('the lock of migrations is waited for with a line, longer than a statement may take', async () => {
    const holder = await connect().pool.connect();
    await holder.query('SELECT pg_advisory_lock(3853314791062309107)');
    const { pool } = connectPostgres(database.url, { statementTimeoutMs: 500 });
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
    const said: string[] = [];
    try {
      const migrating = migrate(db, { say: (line) => said.push(line) });
      await sleep(1_500);
      holder.release(true);
      expect(await migrating).to.include('0001-read-models');
      expect(said.join()).to.match(/waiting .*process \d+ \(reprise\).*up to date/);
      const ended = migrate(db, { say: () => {}, signal: AbortSignal.abort(new Error('stop')) });
      expect(await ended.catch(String)).to.contain('stop');
    } finally {
      await db.destroy();
    }
  });
});
