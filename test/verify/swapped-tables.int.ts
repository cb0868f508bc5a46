import { EventStoreDBClient } from '@eventstore/db-client';
import { expect } from 'chai';
import { Kysely, PostgresDialect } from 'kysely';
import { migrate } from '../../migrations/migrate.ts';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { connectPostgres, type Postgres } from '../../src/infrastructure/postgres.ts';
import { runProjections } from '../../src/projections/engine/engine.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { rebuild } from '../../src/projections/rebuild/rebuild-tables.ts';
import { ExpectedTables } from '../../src/verify/expected-tables.ts';
import { ReadModels } from '../../src/verify/read-models.ts';
import { verify } from '../../src/verify/verify-log.ts';
import { eventually } from '../support/eventually.ts';
import {
  describeWithOwnEventStore,
  type TestDatabase,
  type TestEventStore,
  testDatabase,
  testEventStore,
} from '../support/servers.ts';
import { World } from './support/world.ts';

const roundsMax = 200;
const silent = { debug() {}, warn() {}, error() {} };
const tables = new ExpectedTables().all;

describeWithOwnEventStore('reprise verify while a rebuild exchanges the tables', function () {
  this.timeout(60_000);
  let server: TestEventStore;
  let database: TestDatabase;
  let postgres: Postgres;
  let eventStore: EventStore;
  const stopping = new AbortController();

  before(async () => {
    server = await testEventStore();
    database = await testDatabase();
    postgres = connectPostgres(database.url, { statementTimeoutMs: 60_000 });
    await migrate(new Kysely<unknown>({ dialect: new PostgresDialect({ pool: postgres.pool }) }));
    const client = EventStoreDBClient.connectionString(server.url);
    for (let world = 0; world < 5; world += 1) {
      const one = new World(client);
      await one.begin();
      await one.buy();
    }
    await client.dispose();
    eventStore = connectEventStore(server.url);
    const { pool } = postgres;
    const { signal } = stopping;
    const projector = runProjections({ eventStore, pool, projections, logger: silent, signal });
    const head = (await eventStore.head()) ?? 0n;
    expect(await projector.reached(head, 30_000)).to.equal(true);
  });
  after(async () => {
    stopping.abort();
    await eventStore?.close();
    await postgres?.close();
    await database?.drop();
    await server?.stop();
  });

  /** In the place of every table. */
  const exchange = (onStep: (step: string) => void = () => {}) =>
    rebuild({
      eventStore,
      pool: postgres.pool,
      projections,
      dryRun: false,
      signal: stopping.signal,
      onProgress: ({ step }) => onStep(step),
      onDifference: () => {},
      onTrouble: () => {},
    });

  it('sees every row in the tables that it began with', async () => {
    const models = new ReadModels(database.url);
    let step = '';
    let isDone = false;
    let exchanging: Promise<unknown> | undefined;
    try {
      await models.freeze(tables.map(({ name }) => name));
      await models.checkpoints();
      exchanging = exchange((told) => {
        step = told;
      }).then(() => {
        isDone = true;
      });
      await eventually('it swaps', () => step === 'swapping', 20_000);
      // Longer than it takes where nothing is in its way.
      await eventually('swapped', () => isDone, 1_500).catch(() => {});
      for (const table of tables) {
        let rows = 0;
        for await (const some of models.rows(table)) rows += some.length;
        const { rows: counted } = await postgres.pool.query(
          `SELECT count(*)::integer AS n FROM ${table.name}`,
        );
        expect(rows, table.name).to.equal(counted[0].n);
      }
    } finally {
      await models.close();
    }
    await exchanging;
    expect(isDone).to.equal(true);
  });

  it('finds nothing wrong, however often', async () => {
    let done = false;
    let exchanged = 0;
    const exchanging = (async () => {
      while (!done) {
        await exchange();
        exchanged += 1;
      }
    })();
    // Ten times, and until the tables were exchanged three times meanwhile.
    for (let round = 0; round < 10 || (exchanged < 3 && round < roundsMax); round += 1) {
      const { violations, rows } = await verify({
        eventStoreUrl: server.url,
        postgresUrl: database.url,
      });
      expect(violations.listed).to.deep.equal([]);
      expect(rows?.tables.seat).to.equal(10);
    }
    done = true;
    await exchanging;
    expect(exchanged).to.be.greaterThan(2);
  });
});
