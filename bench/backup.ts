/**
 * Measures how fast `reprise backup create` archives a log and `reprise backup verify` reads the
 * archive. In the same run it measures in turns how fast the official client alone reads `$all`.
 * Exit code 1 when a bound is missed, or when memory grows with the log.
 *
 *   npm run bench:backup [events, default 200000] [rounds, default 3]
 */
import './support/help.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EventStoreDBClient, FORWARDS, START } from '@eventstore/db-client';
import { eventsIn } from '../src/backup/archive.ts';
import { archiveLog } from '../src/backup/archive-log.ts';
import { ArchiveWriter } from '../src/backup/archive-writer.ts';
import { makeArchive, summarise } from '../src/backup/archives.ts';
import { checkArchive } from '../src/backup/check.ts';
import { connectRawLog } from '../src/infrastructure/raw-log.ts';
import { ArchivedSkips, verifyArchive } from '../src/verify/verify-archive.ts';
import { testEventStore } from '../test/support/servers.ts';
import { fill } from './support/fill.ts';
import { median } from './support/measure.ts';

/** Events per second. */
const bound = 10_000;
/** The memory at the end minus the memory in the first half of the log, in MiB. */
const growthBound = 64;
const eventsWanted = Number(process.argv[2] ?? '200000');
const rounds = Number(process.argv[3] ?? '3');
const shape = { seed: 1, sessions: 100, seatsPerSession: 50, users: 500 };

const mebibytes = () => process.memoryUsage().rss / 2 ** 20;
const perSecond = (events: number, beganMs: number) =>
  Math.round((events * 1_000) / (performance.now() - beganMs));

async function plainRead(url: string): Promise<number> {
  const client = EventStoreDBClient.connectionString(url);
  const beganMs = performance.now();
  let events = 0;
  const read = client.readAll(
    { direction: FORWARDS, fromPosition: START },
    { highWaterMark: 1_024 },
  );
  for await (const { event } of read) if (event !== undefined) events += 1;
  await client.dispose();
  return perSecond(events, beganMs);
}

async function create(url: string, parent: string) {
  const id = await makeArchive(parent, new Date());
  const writer = await ArchiveWriter.open(path.join(parent, id), { version: 'bench' });
  const log = connectRawLog(url);
  const beganMs = performance.now();
  const [before, after] = [{ peak: 0 }, { peak: 0 }];
  const cpu = process.cpuUsage();
  const written = await archiveLog({
    ...{ log, writer, follow: false, flushMs: 5_000, signal: new AbortController().signal },
    onProgress: ({ events }) => {
      const half = events < eventsWanted / 2 ? before : after;
      half.peak = Math.max(half.peak, mebibytes());
    },
  });
  const rate = perSecond(written, beganMs);
  const { user, system } = process.cpuUsage(cpu);
  log.close();
  writer.close();
  return {
    ...{ id, written, rate, peak: after.peak, growth: after.peak - before.peak },
    cpuMicros: (user + system) / written,
  };
}

async function main(): Promise<boolean> {
  const store = await testEventStore();
  const parent = await mkdtemp(path.join(tmpdir(), 'reprise-bench-'));
  try {
    await fill(store.url, shape, eventsWanted);
    const rates: number[] = [];
    const ratios: number[] = [];
    let growth = 0;
    for (let round = 1; round <= rounds; round += 1) {
      const plain = await plainRead(store.url);
      const one = await create(store.url, parent);
      const { size, directory } = await summarise(parent, one.id);
      const beganMs = performance.now();
      const skips = new ArchivedSkips();
      const { faults } = await checkArchive(directory);
      const checked = perSecond(one.written, beganMs);
      const verdict = await verifyArchive(eventsIn(directory), skips);
      console.log(
        `round ${round}: create ${one.rate} events/s, × ${(one.rate / plain).toFixed(2)} of the client's ${plain}, ` +
          `${one.cpuMicros.toFixed(0)} µs CPU an event, ${(size / one.written).toFixed(0)} bytes an event, ` +
          `${one.peak.toFixed(0)} MiB, ${one.growth.toFixed(0)} more than in the first half; ` +
          `verify ${checked}/s, the proof ${verdict.eventsPerSecond}/s`,
      );
      if (faults.length > 0) return false;
      rates.push(one.rate);
      ratios.push(one.rate / plain);
      // The first round warms the process up.
      if (round > 1) growth = Math.max(growth, one.growth);
    }
    console.log(
      `create: ${median(rates)} events/s (bound ${bound}), × ${median(ratios).toFixed(2)} of the client alone; ` +
        `memory grew by ${growth.toFixed(0)} MiB (bound ${growthBound})`,
    );
    return median(rates) >= bound && growth <= growthBound;
  } finally {
    await store.stop();
    await rm(parent, { recursive: true, force: true });
  }
}

process.exitCode = (await main()) ? 0 : 1;
