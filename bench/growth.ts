/**
 * Measures the cost of a service with more data: sessions on sale, accounts, events in the log. For
 * each size it starts a service twice on one log and one PostgreSQL. The first start builds the
 * read models from the whole log. The second start finds them there. After each second start it
 * measures the journey of `bench/journey.ts`, and then `reprise rebuild`.
 *
 *   npm run bench:growth -- [--sessions 200,2000,20000] [--accounts 10000,1000000]
 *                           [--events 1000000] [--seconds 6]
 *
 * With an empty list, that part is not measured. `--events 10000000` takes long. Linux only.
 */
import './support/help.ts';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { startEmbeddedEventStore } from '../embedded/eventstore/start.ts';
import { startEmbeddedPostgres } from '../embedded/postgres/start.ts';
import { type LoadedService, startFreshService } from '../load/service.ts';
import type { NewEvent } from '../src/commands/core/event-store.ts';
import { accountStream } from '../src/events/streams.ts';
import { connectEventStore } from '../src/infrastructure/eventstoredb.ts';
import { importCatalog, reprise } from '../test/e2e/support/command-line.ts';
import { balanceCharged } from '../test/support/events.ts';
import { generateLog } from './support/fill.ts';
import { Generator, warmUpSeconds } from './support/journeys.ts';
import { memoryOf } from './support/measure.ts';
import { serviceCpu } from './support/processes.ts';
import { untilSettled } from './support/settled.ts';

const buyers = 100;
const sessionsOfConcert = 20;
/** The number of the demo's sessions, in ten concerts. */
const demo = { sessions: 200, accounts: 1_000 };
/** Appends sent and not yet answered. */
const inFlightMax = 512;
const balance = 1_000_000_000;
/** The longest start on a long log, and the longest end of its open holds, in milliseconds. */
const longMsMax = 1_800_000;

interface Size {
  readonly name: string;
  /** Brings a log with the demo to this size. No service runs meanwhile. */
  readonly grow?: (eventStoreUrl: string) => Promise<unknown>;
  /** The same, in the directory of the event store, which does not run meanwhile. */
  readonly generate?: (directory: string) => Promise<unknown>;
  readonly users?: number;
  readonly concerts?: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sessions: { type: 'string', default: '200,2000,20000' },
      accounts: { type: 'string', default: '10000,1000000' },
      events: { type: 'string', default: '1000000' },
      seconds: { type: 'string', default: '6' },
    },
  });
  const list = (text: string) => text.split(',').filter(Boolean).map(Number);
  console.log(
    'size                    first start s  start s  memory MB   journeys/s  p50 ms  p95 ms  max ms  failed  CPU ms a journey  rebuild s',
  );
  const sizes = [
    ...list(values.sessions).map(withSessions),
    ...list(values.accounts).map(withAccounts),
    ...list(values.events).map(withEvents),
  ];
  for (const size of sizes) await measure(size, Number(values.seconds));
}

const withSessions = (sessions: number): Size => ({
  name: `${sessions} sessions`,
  grow: (url) => addConcerts(url, sessions),
  concerts: sessions / sessionsOfConcert,
});

const withAccounts = (accounts: number): Size => ({
  name: `${accounts} accounts`,
  grow: (url) => addAccounts(url, accounts),
  users: accounts,
});

const withEvents = (events: number): Size => ({
  name: `${events} events`,
  generate: (directory) => generateLog(directory, past(events), events),
});

/**
 * Seats and accounts that the journeys do not use: about 50 events for each seat, and 100 for each
 * account.
 */
const past = (events: number) => ({
  ...{ seed: 1, prefix: 'past-', seatsPerSession: 500 },
  sessions: Math.ceil(events / 25_000),
  users: Math.ceil(events / 100),
});

async function measure(size: Size, seconds: number): Promise<void> {
  const { name, users, concerts } = size;
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-growth-'));
  const data = path.join(directory, 'eventstore');
  let store = await startEmbeddedEventStore({ data });
  const start = (postgresUrl: string): Promise<LoadedService> => {
    const env = {
      EVENTSTORE_URL: store.url,
      POSTGRES_URL: postgresUrl,
      // Each journey has a different user, who keeps a place for some seconds.
      QUEUE_ADMITTED_MAX: '1000000',
    };
    const { signal } = new AbortController();
    const log = path.join(directory, 'service.log');
    return startFreshService(log, signal, env, undefined, longMsMax);
  };
  const other = await startEmbeddedPostgres({ dataDir: path.join(directory, 'demo') });
  await (await start(other.url)).stop();
  await other.stop();
  await size.grow?.(store.url);
  if (size.generate !== undefined) {
    await store.stop();
    await size.generate(data);
    store = await startEmbeddedEventStore({ data });
  }
  const postgres = await startEmbeddedPostgres({ dataDir: path.join(directory, 'postgres') });
  try {
    const first = await start(postgres.url);
    await settle(postgres.url);
    await first.stop();
    const service = await start(postgres.url);
    try {
      const memory = await memoryOf(service.pid);
      const { result, cpuMs } = await journeys(service, seconds, { users, concerts });
      const rebuildMs = await rebuild(store.url, postgres.url);
      const n = (value: number, width: number, digits = 0) => value.toFixed(digits).padStart(width);
      const { perSecond, p50Ms, p95Ms, maxMs, failed } = result;
      console.log(
        name.padEnd(22) +
          n(first.readyMs / 1_000, 15, 1) +
          n(service.readyMs / 1_000, 9, 1) +
          n(memory?.own ?? Number.NaN, 11) +
          n(perSecond, 13) +
          [p50Ms, p95Ms, maxMs, failed].map((value) => n(value, 8)).join('') +
          n(cpuMs, 18, 2) +
          n(rebuildMs / 1_000, 11, 1),
      );
    } finally {
      await service.stop();
    }
  } finally {
    await postgres.stop();
    await store.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Ends the holds and payments of the history, so that no other work is measured. */
async function settle(postgresUrl: string): Promise<void> {
  const rows = new pg.Client({ connectionString: postgresUrl });
  await rows.connect();
  await untilSettled(rows, longMsMax).finally(() => rows.end());
}

/** After some time under the same load, because the code is compiled then. */
async function journeys(
  { pid, url }: LoadedService,
  seconds: number,
  { users, concerts }: { users: number | undefined; concerts: number | undefined },
) {
  const generator = new Generator();
  const job = {
    ...{ port: Number(new URL(url).port), buyers, warmUpSeconds: 0 },
    ...(users !== undefined && { users }),
    ...(concerts !== undefined && { concerts }),
  };
  try {
    await generator.run({ ...job, seconds: warmUpSeconds });
    const before = await serviceCpu(pid);
    const result = await generator.run({ ...job, seconds });
    const after = await serviceCpu(pid);
    return { result, cpuMs: (after.service - before.service) / result.completed };
  } finally {
    generator.end();
  }
}

/** Imports a catalog, as an organiser does. */
async function addConcerts(url: string, sessions: number): Promise<void> {
  const concerts = sessions / sessionsOfConcert;
  const first = demo.sessions / sessionsOfConcert + 1;
  if (concerts < first) return;
  const seatMap = [{ section: 'A', price: 1_000, rows: [{ row: '1', seats: 50 }] }];
  const catalog = Array.from({ length: concerts - first + 1 }, (_, n) => ({
    concertId: String(first + n),
    title: `Concert ${first + n}`,
    sessions: Array.from({ length: sessionsOfConcert }, (__, session) => ({
      sessionId: `${first + n}-${session + 1}`,
      startsAt: '2099-01-01T10:00:00Z',
      salesOpenAt: '2020-01-01T00:00:00Z',
      seatMap,
    })),
  }));
  await importCatalog({ concerts: catalog }, { EVENTSTORE_URL: url });
}

/** @returns the time of `reprise rebuild` beside the service, in milliseconds */
async function rebuild(eventStoreUrl: string, postgresUrl: string): Promise<number> {
  const startedMs = performance.now();
  const env = { EVENTSTORE_URL: eventStoreUrl, POSTGRES_URL: postgresUrl };
  const { code, stderr } = await reprise(['rebuild'], env);
  if (code !== 0) throw new Error(`reprise rebuild ended with ${code}: ${stderr}`);
  return performance.now() - startedMs;
}

/** Adds accounts with a balance. */
async function addAccounts(url: string, accounts: number): Promise<void> {
  const store = connectEventStore(url);
  const charge = (): NewEvent => ({
    id: randomUUID(),
    event: balanceCharged('first', balance, balance, { at: new Date().toISOString() }),
    metadata: { schemaVersion: 1 },
  });
  try {
    for (let next = demo.accounts + 1; next <= accounts; next += inFlightMax) {
      const count = Math.min(inFlightMax, accounts - next + 1);
      const appends = Array.from({ length: count }, (_, n) =>
        store.append(accountStream(String(next + n)), 'no_stream', [charge()]),
      );
      const refused = (await Promise.all(appends)).filter(({ ok }) => !ok).length;
      if (refused > 0) throw new Error(`${refused} accounts were there before`);
    }
  } finally {
    await store.close();
  }
}

await main();
