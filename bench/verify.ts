/**
 * Measures how fast `reprise verify` proves a log and compares PostgreSQL with it. Exit code 1 when
 * the bound is missed, or when a correct log is not proven.
 *
 *   npm run bench:verify [events, default 120000] [rounds, default 3]
 */
import './support/help.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { Kysely, PostgresDialect } from 'kysely';
import { startEmbeddedPostgres } from '../embedded/postgres/start.ts';
import { migrate } from '../migrations/migrate.ts';
import { connectEventStore } from '../src/infrastructure/eventstoredb.ts';
import { connectPostgres } from '../src/infrastructure/postgres.ts';
import { runProjections } from '../src/projections/engine/engine.ts';
import { projections } from '../src/projections/models/registry.ts';
import { describeVerdict } from '../src/verify/describe.ts';
import { verify } from '../src/verify/verify-log.ts';
import { testEventStore } from '../test/support/servers.ts';

/** Events per second. */
const bound = 8_000;
const eventsWanted = Number(process.argv[2] ?? '120000');
const rounds = Number(process.argv[3] ?? '3');

/** In one turn, each seat is reserved, paid and given back. The users take turns. */
const seatsPerSession = 50;
const sessions = 100;
const users = 500;
const price = 100;
const time = '2026-01-01T00:00:00.000Z';
const silent = { debug() {}, warn: console.warn, error: console.error };
/** The number of streams with appends at the same time. */
const inFlight = 64;

type Written = readonly [type: string, data: Record<string, unknown>];

async function main(): Promise<boolean> {
  const store = await testEventStore();
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-bench-'));
  const database = await startEmbeddedPostgres({ dataDir: directory });
  const postgres = connectPostgres(database.url);
  try {
    await migrate(new Kysely({ dialect: new PostgresDialect({ pool: postgres.pool }) }));
    await fill(store.url);
    const eventStore = connectEventStore(store.url);
    const aborter = new AbortController();
    const { pool } = postgres;
    const options = { eventStore, pool, projections, logger: silent, signal: aborter.signal };
    const projector = runProjections(options);
    await projector.reached((await eventStore.head()) ?? 0n, 600_000);
    aborter.abort();
    await projector.done;
    await eventStore.close();

    let best = 0;
    let proven = true;
    for (let round = 1; round <= rounds; round += 1) {
      const begin = performance.now();
      const cpu = process.cpuUsage();
      const verdict = await verify({ eventStoreUrl: store.url, postgresUrl: database.url });
      const { user, system } = process.cpuUsage(cpu);
      const ms = performance.now() - begin;
      const { events } = verdict.log;
      if (round === 1) console.log(describeVerdict(verdict));
      console.log(
        `round ${round}: ${verdict.eventsPerSecond} events/s; with the rows ${(ms / 1_000).toFixed(1)} s, ` +
          `${Math.round((events * 1_000) / ms)} events/s, ${((user + system) / events).toFixed(0)} µs CPU an event, ` +
          `${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`,
      );
      best = Math.max(best, (events * 1_000) / ms);
      proven &&= verdict.violations.total === 0;
    }
    console.log(`best ${Math.round(best)} events/s with the rows, bound ${bound}`);
    return proven && best >= bound;
  } finally {
    await postgres.close();
    await database.stop();
    await store.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Appends step by step. A step is the same for all seats. So the order of the log is correct, and
 * each account needs few appends.
 */
async function fill(url: string): Promise<void> {
  const client = EventStoreDBClient.connectionString(url);
  let count = 0;
  const append = async (streams: ReadonlyMap<string, readonly Written[]>) => {
    const all = streams.entries();
    const lane = async () => {
      for (const [stream, written] of all) {
        const events = written.map(([type, data]) =>
          jsonEvent({ type, data, metadata: { schemaVersion: 1 } }),
        );
        await client.appendToStream(stream, events);
        count += events.length;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, lane));
  };
  await append(catalog());
  const balances = new Map<string, number>();
  await append(charges(balances));
  for (let turn = 1; count < eventsWanted; turn += 1) {
    for (const step of steps(turn, balances)) await append(step);
  }
  await client.dispose();
  console.log(`${count} events`);
}

function catalog(): Map<string, Written[]> {
  const seats = Array.from({ length: seatsPerSession }, (_, n) => n + 1);
  const sections = [{ section: 'A', price, rows: [{ row: '1', seats }] }];
  const times = { startsAt: time, salesOpenAt: time, currency: 'KRW' };
  const streams = new Map<string, Written[]>();
  for (let n = 1; n <= sessions; n += 1) {
    streams.set(`concert-c${n}`, [
      ['ConcertRegistered', { title: `Concert ${n}` }],
      ['SessionScheduled', { sessionId: `s${n}`, sections, ...times }],
    ]);
  }
  return streams;
}

function charges(balances: Map<string, number>): Map<string, Written[]> {
  const [amount, streams] = [1_000_000_000, new Map<string, Written[]>()];
  for (let n = 0; n < users; n += 1) {
    const data = { chargeId: 'first', amount, currency: 'KRW', balance: amount, at: time };
    streams.set(`account-u${n}`, [['BalanceCharged', data]]);
    balances.set(`u${n}`, amount);
  }
  return streams;
}

/** One turn of every seat: its steps in their order. */
function steps(turn: number, balances: Map<string, number>): Map<string, Written[]>[] {
  const all = Array.from({ length: 6 }, () => new Map<string, Written[]>());
  const add = (step: number, stream: string, type: string, data: Written[1]) => {
    const streams = all[step];
    const events = streams?.get(stream) ?? [];
    events.push([type, data]);
    streams?.set(stream, events);
  };
  for (let n = 0; n < sessions * seatsPerSession; n += 1) {
    const [sessionId, seatId] = [`s${(n % sessions) + 1}`, `A-1-${Math.floor(n / sessions) + 1}`];
    const reservationId = `${sessionId}.${seatId}.${turn}`;
    const userId = `u${(n + turn) % users}`;
    const [seat, account, paymentId] = [
      `seat-${sessionId}/${seatId}`,
      `account-${userId}`,
      `pay.${reservationId}`,
    ];
    const balance = (balances.get(userId) ?? 0) - price;
    balances.set(userId, balance);
    const own = { reservationId, userId };
    const paid = { paymentId, reservationId, amount: price };
    const currency = 'KRW';
    add(0, seat, 'SeatReserved', { ...own, price, currency, expiresAt: time });
    add(1, account, 'PaymentHeld', { ...paid, currency, balance, holdExpiresAt: time, at: time });
    add(2, seat, 'SeatSold', { ...own, paymentId });
    add(3, account, 'PaymentCaptured', paid);
    const refund = { paymentId, amount: price, currency };
    add(4, seat, 'SeatReleased', { ...own, reason: 'refunded', ...refund });
    add(5, account, 'PaymentRefunded', paid);
  }
  for (const userId of balances.keys()) {
    const refunds = all[5]?.get(`account-${userId}`)?.length ?? 0;
    balances.set(userId, (balances.get(userId) ?? 0) + refunds * price);
  }
  return all;
}

process.exitCode = (await main()) ? 0 : 1;
