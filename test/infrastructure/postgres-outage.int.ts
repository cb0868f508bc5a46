import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { PoolClient, QueryConfig } from 'pg';
import { type Relay, startRelay, throughRelay } from '../../src/drill/relay.ts';
import {
  connectPostgres,
  isUnavailable,
  type Postgres,
} from '../../src/infrastructure/postgres.ts';
import { eventually } from '../support/eventually.ts';
import { type TestDatabase, testDatabase } from '../support/servers.ts';

/** Any number. */
const lock = 42;

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

const pidOf = async (client: Pick<PoolClient, 'query'>): Promise<number> =>
  (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid ?? 0;

describe('a PostgreSQL that fails without a word', () => {
  let database: TestDatabase;
  let relay: Relay;
  let postgres: Postgres;

  before(async function () {
    this.timeout(60_000);
    database = await testDatabase();
  });
  after(() => database?.drop());

  beforeEach(async () => {
    relay = await startRelay(Number(new URL(database.url).port));
    postgres = connectPostgres(throughRelay(database.url, relay), { statementTimeoutMs: 300 });
  });
  afterEach(async () => {
    await relay.stop();
    await postgres.close();
  });

  const takesLock = async (): Promise<boolean> => {
    const client = await postgres.pool.connect();
    try {
      const text = `SELECT pg_try_advisory_lock(${lock}) AS taken`;
      return (await client.query<{ taken: boolean }>(text)).rows[0]?.taken === true;
    } finally {
      client.release(true);
    }
  };

  it('a connection that went dead both ways keeps no lock: the next one ends its session', async () => {
    const dead = await postgres.pool.connect();
    await dead.query(`SELECT pg_advisory_lock(${lock})`);
    relay.freeze();
    const error = await failure(dead.query('SELECT 1'));
    expect(isUnavailable(error), String(error)).to.equal(true);
    dead.release(true);
    expect(await takesLock(), 'at the first try').to.equal(true);
  });

  it('one that is silent ends those that were silent as long: nobody finds them out one after the other', async () => {
    const clients = await Promise.all([1, 2, 3].map(() => postgres.pool.connect()));
    const ended: number[] = [];
    for (const [at, client] of clients.entries()) client.on('end', () => ended.push(at));
    const [asking, , busy] = clients as [PoolClient, PoolClient, PoolClient];
    relay.freeze();
    await sleep(1_100);
    // A connection that was made meanwhile is none of them.
    const fresh = await postgres.pool.connect();
    const waiting = failure(busy.query({ text: 'SELECT 1', query_timeout: 30_000 } as QueryConfig));
    const error = await failure(
      asking.query({ text: 'SELECT 1', query_timeout: 50 } as QueryConfig),
    );
    asking.release(error as Error);
    expect(isUnavailable(await waiting)).to.equal(true);
    await eventually('all are closed', async () => ended.length === 3);
    for (const client of clients.slice(1)) client.release(true);
    expect((await fresh.query('SELECT 1')).rowCount).to.equal(1);
    fresh.release();
  });

  it('sessions that nobody gave up are left alone', async () => {
    const good = await postgres.pool.connect();
    const pid = await pidOf(good);
    const other = await postgres.pool.connect();
    other.release(new Error('given up'));
    const third = await postgres.pool.connect();
    expect(await pidOf(good)).to.equal(pid);
    good.release();
    third.release();
  });

  it('asks for the notice of a dead client that the system gives after two hours', async () => {
    const { rows } = await postgres.pool.query(
      `SELECT name, setting::integer AS value FROM pg_settings
       WHERE name IN ('tcp_keepalives_idle', 'tcp_user_timeout') ORDER BY 1`,
    );
    for (const { value } of rows) expect(value).to.be.within(1, 10_000);
  });

  it('a server that takes no writes is away: all its connections are given up, and new ones refused', async () => {
    const clients = [await postgres.pool.connect(), await postgres.pool.connect()] as const;
    const [writing, idle] = clients;
    const before = await Promise.all(clients.map(pidOf));
    await writing.query('SET default_transaction_read_only TO on');
    idle.release();
    const error = await failure(writing.query('CREATE TABLE t ()'));
    expect(error).to.have.property('code', '25006');
    expect(isUnavailable(error)).to.equal(true);
    writing.release();
    await eventually('another connection answers', async () => {
      const pid = await pidOf(postgres.pool);
      expect(before).not.to.include(pid);
      return true;
    });

    const name = new URL(database.url).pathname.slice(1);
    const direct = connectPostgres(database.url, { mayBeReadOnly: true });
    try {
      await direct.pool.query(`ALTER DATABASE ${name} SET default_transaction_read_only TO on`);
      const dropped = await postgres.pool.connect();
      dropped.release(true);
      const refused = await failure(postgres.pool.query('SELECT 1'));
      expect(isUnavailable(refused), String(refused)).to.equal(true);
      expect(await postgres.reachable(1_000)).to.equal(false);
      expect(postgres.lastWords()).to.contain('takes no writes');
    } finally {
      await direct.pool.query(
        `BEGIN READ WRITE; ALTER DATABASE ${name} RESET default_transaction_read_only; COMMIT`,
      );
      await direct.close();
    }
    await eventually('writes again', () => postgres.reachable(1_000));
  });
});
