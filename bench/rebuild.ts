/**
 * Measures the cost of a rebuild for buyers. On one service with a long log, it runs the load
 * journey without `reprise rebuild`, with it, and without it again. It also checks that no query
 * misses a row. Exit code 1 when the bound is exceeded.
 *
 *   npm run bench:rebuild [events] [rounds] [seconds per run]
 *
 * Without arguments: 100,000 events, 3 rounds, 10 seconds.
 *
 * `load/journey.ts` describes VUS. Without k6 and Go the benchmark is skipped.
 */
import './support/help.ts';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { findK6, startK6 } from '../load/k6.ts';
import { type LoadedService, startFreshService } from '../load/service.ts';
import { testEventStore } from '../test/support/servers.ts';
import { fill } from './support/fill.ts';
import { median } from './support/measure.ts';
import { untilSettled } from './support/settled.ts';

/** The bound, as a multiple of the p95 without a rebuild. */
const bound = 1.2;

const eventsWanted = Number(process.argv[2] ?? '100000');
const rounds = Number(process.argv[3] ?? '3');
const seconds = Number(process.argv[4] ?? '10');

/**
 * Sessions of 50 seats that are added to each of the ten concerts of the demo, so that no run sells
 * out.
 */
const moreSessions = Math.ceil((rounds * 2 + 2) * seconds * 1.6);

/** A history in addition to the demo. */
const past = { seed: 1, sessions: 100, seatsPerSession: 50, users: 500, prefix: 'past-' };

/**
 * The time between two counts of the rows. It is the same in every run, because a count is work,
 * too.
 */
const lookMs = 200;

const bin = fileURLToPath(new URL('../bin/reprise.js', import.meta.url));
const journey = fileURLToPath(new URL('../load/journey.ts', import.meta.url));

async function main(): Promise<boolean> {
  const k6 = await findK6(console.log);
  if (k6 === undefined) {
    console.log('SKIPPED: neither k6 nor Go is here');
    return true;
  }
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-bench-'));
  const store = await testEventStore();
  const log = path.join(directory, 'service.log');
  const start = () =>
    startFreshService(log, new AbortController().signal, { EVENTSTORE_URL: store.url });
  try {
    const first = await start();
    try {
      await addSessions(directory, environmentOf(first));
    } finally {
      await first.stop();
    }
    // No service runs meanwhile, because it would end the holds too early.
    await fill(store.url, past, eventsWanted);
    const service = await start();
    try {
      return await compare(k6, service, path.join(directory, 'result.json'));
    } finally {
      await service.stop();
    }
  } finally {
    await store.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

const environmentOf = ({ eventStoreUrl, postgresUrl }: LoadedService) => ({
  EVENTSTORE_URL: eventStoreUrl,
  POSTGRES_URL: postgresUrl,
});

/** @returns whether the bound is kept */
async function compare(k6: string, service: LoadedService, resultFile: string): Promise<boolean> {
  const rows = new pg.Client({ connectionString: service.postgresUrl });
  await rows.connect();
  try {
    await untilSettled(rows);
    const run = async () => {
      const check = watchRows(service.url, rows);
      const figures = await runJourney(k6, service.url, resultFile);
      return { ...figures, looks: await check.stop() };
    };
    await run(); // In the first run, no code is compiled and no list is in memory.
    const ratios: number[] = [];
    let before = await run();
    for (let round = 1; round <= rounds; round += 1) {
      const rebuilding = keepRebuilding(environmentOf(service));
      const during = await run();
      const rebuilds = await rebuilding.stop();
      const after = await run();
      const without = (before.p95 + after.p95) / 2;
      ratios.push(during.p95 / without);
      console.log(
        `round ${round}: without ${describe(before)}, with ${describe(during)}, without ` +
          `${describe(after)}: p95 × ${(during.p95 / without).toFixed(2)}; ${rebuilds} rebuilds ` +
          `were put in place, ${during.looks} looks saw every row`,
      );
      before = after;
    }
    const ratio = median(ratios);
    console.log(`median p95 × ${ratio.toFixed(2)}, bound × ${bound}`);
    return ratio <= bound;
  } finally {
    await rows.end();
  }
}

async function addSessions(directory: string, env: Record<string, string>): Promise<void> {
  const file = path.join(directory, 'catalog.json');
  const seatMap = [{ section: 'A', price: 1_000, rows: [{ row: '1', seats: 50 }] }];
  const concerts = Array.from({ length: 10 }, (_, concert) => ({
    concertId: String(concert + 1),
    title: `Concert ${concert + 1}`,
    sessions: Array.from({ length: moreSessions }, (__, session) => ({
      sessionId: `more-${concert + 1}-${session + 1}`,
      startsAt: '2099-01-01T10:00:00Z',
      salesOpenAt: '2020-01-01T00:00:00Z',
      seatMap,
    })),
  }));
  await writeFile(file, JSON.stringify({ concerts }));
  const child = reprise(['catalog', 'import', file], env, 'ignore');
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`reprise catalog import ended with ${code}`);
}

interface Run {
  readonly p95: number;
  readonly perSecond: number;
}

const describe = ({ p95, perSecond }: Run): string =>
  `${p95.toFixed(0)} ms (${perSecond.toFixed(0)} journeys/s)`;

async function runJourney(k6: string, url: string, file: string): Promise<Run> {
  const env = { BASE_URL: url, RESULT_FILE: file, DURATION: `${seconds}s` };
  await startK6(k6, journey, env).exitCode;
  const figures = JSON.parse(await readFile(file, 'utf8'));
  if (figures.failedRequests > 0) throw new Error(`${figures.failedRequests} requests failed`);
  return { p95: figures.requestMs['p(95)'], perSecond: figures.journeysPerSecond };
}

function reprise(
  args: string[],
  env: Record<string, string>,
  stdout: 'ignore' | 'inherit',
): ChildProcess {
  return spawn(process.execPath, [bin, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', stdout, 'inherit'],
  });
}

/** Runs one rebuild after another, as an operator does. The last one may finish. */
function keepRebuilding(env: Record<string, string>): { stop(): Promise<number> } {
  let stopped = false;
  let count = 0;
  const loop = async () => {
    while (!stopped) {
      const [code] = await once(reprise(['rebuild'], env, 'ignore'), 'exit');
      if (code !== 0) throw new Error(`reprise rebuild ended with ${code}`);
      count += 1;
    }
    return count;
  };
  const done = loop();
  // `stop` rejects with the error.
  done.catch(() => {});
  return {
    stop: () => {
      stopped = true;
      return done;
    },
  };
}

/** Checks tables and lists that must never miss a row, in PostgreSQL and over HTTP. */
function watchRows(url: string, client: pg.Client): { stop(): Promise<number> } {
  let stopped = false;
  let looks = 0;
  const count = async () => {
    const { rows } = await client.query(
      `SELECT (SELECT count(*) FROM concert) + (SELECT count(*) FROM session) AS catalog,
         (SELECT count(*) FROM seat) AS seats, (SELECT count(*) FROM account) AS accounts,
         (SELECT count(*) FROM reservation) + (SELECT count(*) FROM payment) AS sold`,
    );
    return Object.values(rows[0] as Record<string, string>).map(Number);
  };
  const loop = async () => {
    let least = await count();
    while (!stopped) {
      const now = await count();
      if (now.some((rows, at) => rows < (least[at] ?? 0))) {
        throw new Error(`rows are missing: ${now.join(', ')} after ${least.join(', ')}`);
      }
      least = now;
      const answer = await fetch(`${url}/concert/1/seat?sessionId=1-1`);
      const { seatList } = (await answer.json()) as { seatList: unknown[] };
      if (seatList.length !== 50) throw new Error(`a list has ${seatList.length} seats, not 50`);
      looks += 1;
      await delay(lookMs);
    }
    return looks;
  };
  const done = loop();
  // `stop` rejects with the error.
  done.catch(() => {});
  return {
    stop: () => {
      stopped = true;
      return done;
    },
  };
}

process.exitCode = (await main()) ? 0 : 1;
