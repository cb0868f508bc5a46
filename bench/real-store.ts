/**
 * Compares the service on a real EventStoreDB (one node, on disk) with the service on the embedded
 * event store: journeys, in turns, in one run. Each store takes appends to other streams before the
 * service starts, because a server compiles its code in its first seconds, and that takes processor
 * time from the service. Then compares how fast `reprise verify` and a rebuild read the log of the
 * real server with how fast the client alone reads `$all`. Needs EVENTSTORE_BIN. Exit code 1 when a
 * bound is missed.
 *
 *   EVENTSTORE_BIN=… npm run bench:real-store [rounds] [events to read]
 *
 * APPENDS_BEFORE is the number of those appends, 20,000 unless set.
 * Without arguments: 3 rounds, 100,000 events. With 0 events, it measures only journeys.
 */
import './support/help.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EventStoreDBClient, FORWARDS, jsonEvent, START } from '@eventstore/db-client';
import { Kysely, PostgresDialect } from 'kysely';
import { startEmbeddedPostgres } from '../embedded/postgres/start.ts';
import { migrate } from '../migrations/migrate.ts';
import { connectEventStore } from '../src/infrastructure/eventstoredb.ts';
import { connectPostgres } from '../src/infrastructure/postgres.ts';
import { runProjections } from '../src/projections/engine/engine.ts';
import { projections } from '../src/projections/models/registry.ts';
import { rebuild } from '../src/projections/rebuild/rebuild-tables.ts';
import { verify } from '../src/verify/verify-log.ts';
import { startEventStoreNodes } from '../test/support/eventstore-nodes.ts';
import { testEventStore } from '../test/support/servers.ts';
import type { JourneyResult } from './journey-client.ts';
import { fill } from './support/fill.ts';
import { onFreshService, warmSeconds, warmUpSeconds } from './support/journeys.ts';
import { median } from './support/measure.ts';

/** Journeys per second on the real store, divided by those on the embedded one. */
const journeyBound = 0.95;
/** Events per second, divided by those of the client alone. */
const readBound = 0.8;

const rounds = Number(process.argv[2] ?? '3');
const eventsToRead = Number(process.argv[3] ?? '100000');
const buyers = 100;
/**
 * The number of appends to each store before the service starts, and how many run at the same time.
 */
const appendsBefore = Number(process.env.APPENDS_BEFORE ?? '20000');
const appendsAtOnce = 100;
const shape = { seed: 1, sessions: 100, seatsPerSession: 50, users: 500 };
const silent = { debug() {}, warn: console.warn, error: console.error };

const journeys = (env: Readonly<Record<string, string>>): Promise<JourneyResult> =>
  onFreshService({
    env,
    work: (generator, { port }) =>
      generator.run({ port, buyers, warmUpSeconds, seconds: warmSeconds }),
  });

/** Appends small events to streams that no service reads. */
async function heat(url: string): Promise<void> {
  const client = EventStoreDBClient.connectionString(url);
  let left = appendsBefore;
  const append = async (stream: string) => {
    for (; left > 0; left -= 1) {
      const data = { stream, left };
      await client.appendToStream(stream, jsonEvent({ type: 'Heat', data }));
    }
  };
  await Promise.all(Array.from({ length: appendsAtOnce }, (_, n) => append(`heat-${n}`)));
  await client.dispose();
}

const describe = ({ perSecond, failed, p50Ms, p95Ms, p99Ms, maxMs }: JourneyResult): string =>
  `${perSecond.toFixed(0)} journeys/s, p50 ${p50Ms.toFixed(0)} p95 ${p95Ms.toFixed(0)} ` +
  `p99 ${p99Ms.toFixed(0)} max ${maxMs.toFixed(0)} ms, ${failed} failed`;

async function onHot(url: string): Promise<JourneyResult> {
  await heat(url);
  return journeys({ EVENTSTORE_URL: url });
}

async function compareJourneys(): Promise<boolean> {
  const ratios: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const store = await testEventStore({});
    const embedded = await onHot(store.url).finally(() => store.stop());
    const nodes = await startEventStoreNodes({ data: 'disk' });
    const real = await onHot(nodes.url).finally(() => nodes.stop());
    ratios.push(real.perSecond / embedded.perSecond);
    console.log(`round ${round}: embedded ${describe(embedded)}`);
    console.log(`         ${nodes.version} ${describe(real)}`);
  }
  const ratio = median(ratios);
  console.log(`journeys/s: × ${ratio.toFixed(2)} of the embedded store's, bound ${journeyBound}`);
  return ratio >= journeyBound;
}

/** Events per second of the client alone. */
async function readAlone(url: string): Promise<number> {
  const client = EventStoreDBClient.connectionString(url);
  const sinceMs = performance.now();
  let count = 0;
  for await (const _ of client.readAll({ direction: FORWARDS, fromPosition: START })) count += 1;
  const rate = (1_000 * count) / (performance.now() - sinceMs);
  await client.dispose();
  return rate;
}

async function compareReading(): Promise<boolean> {
  const nodes = await startEventStoreNodes({ data: 'disk' });
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-bench-'));
  const database = await startEmbeddedPostgres({ dataDir: directory });
  const { pool, close } = connectPostgres(database.url, { statementTimeoutMs: 600_000 });
  const eventStore = connectEventStore(nodes.url);
  try {
    await migrate(new Kysely({ dialect: new PostgresDialect({ pool }) }));
    const head = await fill(nodes.url, shape, eventsToRead);
    const end = new AbortController();
    const projector = runProjections({
      eventStore,
      pool,
      projections,
      logger: silent,
      signal: end.signal,
    });
    await projector.reached(head, 600_000);
    end.abort();
    await projector.done;
    const ratios = { verify: [] as number[], rebuild: [] as number[] };
    for (let round = 1; round <= rounds; round += 1) {
      const alone = await readAlone(nodes.url);
      const proof = await verify({ eventStoreUrl: nodes.url });
      const sinceMs = performance.now();
      const { events } = await rebuild({
        eventStore,
        pool,
        projections,
        dryRun: false,
        signal: new AbortController().signal,
        onProgress() {},
        onDifference() {},
        onTrouble() {},
      });
      const rebuilt = (1_000 * events) / (performance.now() - sinceMs);
      ratios.verify.push(proof.eventsPerSecond / alone);
      ratios.rebuild.push(rebuilt / alone);
      console.log(
        `round ${round}: the client alone ${alone.toFixed(0)} events/s, verify ` +
          `${proof.eventsPerSecond}, rebuild ${rebuilt.toFixed(0)}`,
      );
    }
    const [proving, rebuilding] = [median(ratios.verify), median(ratios.rebuild)];
    console.log(
      `${nodes.version}: verify × ${proving.toFixed(2)}, rebuild × ${rebuilding.toFixed(2)} of the ` +
        `client alone, bound ${readBound}`,
    );
    return proving >= readBound && rebuilding >= readBound;
  } finally {
    await eventStore.close();
    await close();
    await database.stop();
    await nodes.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

const kept = [eventsToRead === 0 || (await compareReading()), await compareJourneys()];
process.exitCode = kept.every(Boolean) ? 0 : 1;
