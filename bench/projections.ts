/**
 * Measures how fast the projections catch up, and how fast they are rebuilt, compared and swapped
 * in. In the same run it measures in turns how fast the client alone reads the same events. Exit
 * code 1 when the bound is missed.
 *
 *   npm run bench:projections [events, default 200000] [rounds, default 3]
 */
import './support/help.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EventStoreDBClient, START, streamNameFilter } from '@eventstore/db-client';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { startEmbeddedPostgres } from '../embedded/postgres/start.ts';
import { migrate } from '../migrations/migrate.ts';
import { streamPrefixes } from '../src/events/streams.ts';
import { connectEventStore } from '../src/infrastructure/eventstoredb.ts';
import { connectPostgres } from '../src/infrastructure/postgres.ts';
import { runProjections } from '../src/projections/engine/engine.ts';
import type { Database } from '../src/projections/models/database.ts';
import { projections } from '../src/projections/models/registry.ts';
import { rebuild } from '../src/projections/rebuild/rebuild-tables.ts';
import { type TestDatabase, testDatabase, testEventStore } from '../test/support/servers.ts';
import { fill } from './support/fill.ts';
import { median } from './support/measure.ts';

/** The bound, as a share of the client's rate. */
const bound = 0.6;

const eventsWanted = Number(process.argv[2] ?? '200000');
const rounds = Number(process.argv[3] ?? '3');
const shape = { seed: 1, sessions: 100, seatsPerSession: 50, users: 500 };
const silent = { debug() {}, warn: console.warn, error: console.error };

async function main(): Promise<boolean> {
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-bench-'));
  const server = await testEventStore();
  const { url, drop } = process.env.POSTGRES_URL
    ? await testDatabase()
    : await embeddedDatabase(directory);
  const { pool } = connectPostgres(url);
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  try {
    await migrate(db);
    const count = eventsWanted;
    const head = await fill(server.url, shape, count);
    const ratios = { 'catching up': [] as number[], rebuilding: [] as number[] };
    for (let round = 1; round <= rounds; round += 1) {
      const reading = await measure(count, () => readAlone(server.url, head));
      const projecting = await measure(count, () => project(server.url, db, pool, head));
      const rebuilding = await measure(count, () => rebuildAll(server.url, url));
      ratios['catching up'].push(projecting.rate / reading.rate);
      ratios.rebuilding.push(rebuilding.rate / reading.rate);
      console.log(
        `round ${round}: the client alone ${describe(reading)}, projected ` +
          `${describe(projecting)}: ${percent(projecting.rate / reading.rate)}, rebuilt ` +
          `${describe(rebuilding)}: ${percent(rebuilding.rate / reading.rate)}`,
      );
    }
    for (const [what, values] of Object.entries(ratios)) {
      console.log(`${what}: median ${percent(median(values))}, bound ${percent(bound)}`);
    }
    return Object.values(ratios).every((values) => median(values) >= bound);
  } finally {
    await db.destroy();
    await drop();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The database of the embedded server, because its role cannot create another one. */
async function embeddedDatabase(dataDir: string): Promise<TestDatabase> {
  const { url, stop } = await startEmbeddedPostgres({ dataDir });
  return { url, drop: stop };
}

interface Measured {
  /** Events per second. */
  readonly rate: number;
  /**
   * The processor time of this process per event, in microseconds. On a machine that others use,
   * too, it is more exact than the rate.
   */
  readonly cpu: number;
}

async function measure(count: number, work: () => Promise<void>): Promise<Measured> {
  const start = performance.now();
  const cpuBefore = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    rate: count / ((performance.now() - start) / 1_000),
    cpu: (user + system) / count,
  };
}

const percent = (ratio: number): string => `${(100 * ratio).toFixed(0)} %`;

const describe = ({ rate, cpu }: Measured): string =>
  `${rate.toFixed(0)}/s (${cpu.toFixed(0)} µs CPU an event)`;

/** The unmodified client, with the filter and the buffer that the service uses. */
async function readAlone(url: string, head: bigint): Promise<void> {
  const client = EventStoreDBClient.connectionString(url);
  const subscription = client.subscribeToAll(
    { fromPosition: START, filter: streamNameFilter({ prefixes: [...streamPrefixes] }) },
    { highWaterMark: 1_024 },
  );
  for await (const { event } of subscription) {
    if (event !== undefined && event.position.commit >= head) break;
  }
  await client.dispose();
}

async function project(
  url: string,
  db: Kysely<Database>,
  pool: ReturnType<typeof connectPostgres>['pool'],
  head: bigint,
): Promise<void> {
  await sql`TRUNCATE concert, session, seat, reservation, account, payment,
    projection_checkpoint`.execute(db);
  const eventStore = connectEventStore(url);
  const aborter = new AbortController();
  const options = { eventStore, pool, projections, logger: silent, signal: aborter.signal };
  const projector = runProjections(options);
  if (!(await projector.reached(head, 600_000))) throw new Error('not within 10 minutes');
  aborter.abort();
  await projector.done;
  await eventStore.close();
}

/** A rebuild with every step of `reprise rebuild`. */
async function rebuildAll(url: string, postgresUrl: string): Promise<void> {
  const eventStore = connectEventStore(url);
  const postgres = connectPostgres(postgresUrl, { statementTimeoutMs: 600_000 });
  const { differences } = await rebuild({
    eventStore,
    pool: postgres.pool,
    projections,
    dryRun: false,
    signal: new AbortController().signal,
    onProgress: () => {},
    onDifference: () => {},
    onTrouble: console.warn,
  });
  await postgres.close();
  await eventStore.close();
  if (differences > 0) throw new Error(`${differences} rows differ`);
}

process.exitCode = (await main()) ? 0 : 1;
