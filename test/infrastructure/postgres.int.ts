import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import {
  connectPostgres,
  isUnavailable,
  type Postgres,
} from '../../src/infrastructure/postgres.ts';
import { eventually } from '../support/eventually.ts';
import { type TestDatabase, testDatabase } from '../support/servers.ts';

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('a pool of PostgreSQL connections', () => {
  let database: TestDatabase;
  let postgres: Postgres;

  before(async function () {
    this.timeout(60_000);
    database = await testDatabase();
  });

  after(() => database?.drop());

  beforeEach(() => {
    postgres = connectPostgres(database.url, {
      connectionsMax: 2,
      connectTimeoutMs: 500,
      statementTimeoutMs: 300,
    });
  });

  afterEach(() => postgres.close());

  it('gives whole numbers as they are', async () => {
    const { rows } = await postgres.pool.query(
      "SELECT 9007199254740993::int8 AS big, NULL::int8 AS none, 7::int4 AS small, '{}'::json AS json",
    );
    expect(rows).to.deep.equal([{ big: 9007199254740993n, none: null, small: 7, json: {} }]);
  });

  it('ends a statement that takes too long', async () => {
    const error = await failure(postgres.pool.query('SELECT pg_sleep(5)'));
    expect(isUnavailable(error), String(error)).to.equal(true);
    expect((error as Error).message).to.contain('statement timeout');
  });

  it('does not wait for ever for a connection that others hold', async () => {
    const held = [await postgres.pool.connect(), await postgres.pool.connect()];
    expect(await postgres.reachable(100)).to.equal(false);
    const error = await failure(postgres.pool.query('SELECT 1'));
    expect(isUnavailable(error), String(error)).to.equal(true);
    for (const client of held) client.release();
    expect(await postgres.reachable(1_000)).to.equal(true);
  });

  it('outlives connections that the server ends, idle ones and those in use', async () => {
    const inUse = await postgres.pool.connect();
    const idle = await postgres.pool.connect();
    idle.release();
    await administrate(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
    );
    const error = await failure(inUse.query('SELECT 1'));
    expect(isUnavailable(error), String(error)).to.equal(true);
    inUse.release(error as Error);
    await eventually('new connections are made', () => postgres.reachable(1_000));
  });

  it('tells errors of the statement from those of the server', async () => {
    const unknown = await failure(postgres.pool.query('SELECT * FROM nothing'));
    expect(unknown).to.have.property('code', '42P01');
    expect(isUnavailable(unknown)).to.equal(false);
    expect(isUnavailable(new TypeError('x is undefined'))).to.equal(false);
  });

  it('says that a server which is not there is unavailable', async () => {
    const { address, close } = await listener();
    await close();
    const nowhere = connectPostgres(`postgres://nobody@${address}/none`);
    try {
      expect(await nowhere.reachable(1_000)).to.equal(false);
      const error = await failure(nowhere.pool.query('SELECT 1'));
      expect(isUnavailable(error), String(error)).to.equal(true);
    } finally {
      await nowhere.close();
    }
  });

  it('does not wait for a server that accepts and stays silent', async () => {
    const { address, close } = await listener();
    const silent = connectPostgres(`postgres://nobody@${address}/none`, { connectTimeoutMs: 200 });
    try {
      expect(await silent.reachable(50)).to.equal(false);
      const error = await failure(silent.pool.query('SELECT 1'));
      expect(isUnavailable(error), String(error)).to.equal(true);
    } finally {
      await silent.close();
      await close();
    }
  });

  async function administrate(statement: string): Promise<void> {
    const other = connectPostgres(database.url, { connectionsMax: 1 });
    await other.pool.query(statement, [new URL(database.url).pathname.slice(1)]);
    await other.close();
  }
});

/** Accepts connections and never says a word. */
async function listener(): Promise<{ address: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
