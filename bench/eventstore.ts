/**
 * Measures the embedded event store and prints the figures and their bounds.
 *
 *   npm run bench:eventstore [-- --quick]
 *
 * It takes about four minutes. With `--quick`, it takes less than a minute, with fewer rounds and a
 * tenth of the events.
 *
 * Rates are ratios to a server that stores nothing (support/no-op-server.ts). Both servers are
 * measured in turns in the same run, with the same client and the same processes, so the ratios can
 * be compared between machines. A missed bound is printed, but is not an error: the exit code is 0
 * unless the benchmark itself fails.
 */
import './support/help.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { EventStoreDBClient } from '@eventstore/db-client';
import { type Child, startChild } from '../embedded/child.ts';
import {
  type Finding,
  type Memory,
  median,
  quantile,
  sampleMemory,
  table,
} from './support/measure.ts';
import { appendMany, appendRate, readRate, subscriberLatencies } from './support/workload.ts';

const storeModule = new URL('../embedded/eventstore/main.ts', import.meta.url);
const noOpModule = new URL('./support/no-op-server.ts', import.meta.url);
const startTimeoutMs = 30_000;

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });

const size = flags.quick
  ? { rounds: 3, roundMs: 700, reads: 20_000, latencyMs: 3_000, events: 100_000 }
  : { rounds: 9, roundMs: 2_000, reads: 60_000, latencyMs: 10_000, events: 1_000_000 };

/** A server in its own process, and a client for it. */
interface Station {
  readonly child: Child;
  readonly client: EventStoreDBClient;
  stop(): Promise<void>;
}

async function station(module: URL, args: readonly string[]): Promise<Station> {
  const child = await startChild(module, args, { timeoutMs: startTimeoutMs });
  const client = EventStoreDBClient.connectionString(child.url);
  return {
    child,
    client,
    async stop() {
      await client.dispose();
      await child.stop();
    },
  };
}

async function withStation<T>(
  module: URL,
  args: readonly string[],
  use: (station: Station) => Promise<T>,
): Promise<T> {
  const started = await station(module, args);
  try {
    return await use(started);
  } finally {
    await started.stop();
  }
}

async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-eventstore-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function withStore<T>(directory: string, use: (store: Station) => Promise<T>): Promise<T> {
  return withStation(storeModule, ['--port', '0', '--data', directory], use);
}

/** A store with an empty directory, and a server that stores nothing. */
function withBoth<T>(use: (store: Station, noOp: Station) => Promise<T>): Promise<T> {
  return withDirectory((directory) =>
    withStore(directory, (store) => withStation(noOpModule, [], (noOp) => use(store, noOp))),
  );
}

/**
 * Measures both in turns, after one turn of each that is not measured. Compares turn by turn,
 * because a busy moment makes both slower.
 */
async function ratio(
  what: string,
  [store, noOp]: readonly [Station, Station],
  rate: (client: EventStoreDBClient) => Promise<number>,
): Promise<Finding> {
  await rate(noOp.client);
  await rate(store.client);
  const rates: { store: number; noOp: number }[] = [];
  for (let round = 0; round < size.rounds; round++) {
    // The second server of a turn may find a machine in another state. So the order alternates,
    // too.
    const first = round % 2 === 0 ? store : noOp;
    const one = await rate(first.client);
    const two = await rate((first === store ? noOp : store).client);
    rates.push(first === store ? { store: one, noOp: two } : { store: two, noOp: one });
  }
  const ratios = rates.map((pair) => pair.store / pair.noOp);
  const percent = Math.round(median(ratios) * 100);
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)].map((r) => Math.round(r * 100));
  const [mine, theirs] = [median(rates.map((r) => r.store)), median(rates.map((r) => r.noOp))];
  return {
    what,
    bound: '≥ 70 %',
    measured: `${percent} % (${low}–${high} %; ${thousands(mine)} of ${thousands(theirs)}/s)`,
    kept: percent >= 70,
  };
}

async function appending(inFlight: number): Promise<Finding> {
  const what = `durable batch appends, ${inFlight} in flight, against a server that stores nothing`;
  return withBoth((store, noOp) =>
    ratio(what, [store, noOp], (client) =>
      appendRate(client, { durationMs: size.roundMs, inFlight }),
    ),
  );
}

async function reading(): Promise<Finding> {
  return withBoth(async (store, noOp) => {
    await appendMany(store.client, size.reads, { perAppend: 500, inFlight: 4 });
    return ratio(
      'reading $all, against a server that sends constant events',
      [store, noOp],
      (client) => readRate(client, size.reads),
    );
  });
}

async function latency(): Promise<Finding> {
  const load = { appendsPerSecond: 1_000, durationMs: size.latencyMs };
  const { arrivals, lateness } = await withDirectory((directory) =>
    withStore(directory, async ({ client }) => {
      await subscriberLatencies(client, { ...load, durationMs: 1_000 });
      return subscriberLatencies(client, load);
    }),
  );
  const [p50, p99, late] = [median(arrivals), quantile(arrivals, 0.99), quantile(lateness, 0.99)];
  return {
    what: 'a subscriber sees an append (from the call) at 1,000 appends/s, p99',
    bound: '≤ 10 ms',
    measured:
      `${p99.toFixed(1)} ms (p50 ${p50.toFixed(1)} ms; ` +
      `the calls themselves came late by ${late.toFixed(1)} ms, p99)`,
    kept: p99 <= 10,
  };
}

/**
 * The memory while a large log is written and read, and the time until a server starts with this
 * log.
 */
async function large(): Promise<Finding[]> {
  const million = `${thousands(size.events)} events`;
  return withDirectory(async (directory) => {
    const [written, read] = await withStore(directory, async ({ child, client }) => {
      const writing = sampleMemory(child.pid, 250);
      await appendMany(client, size.events, { perAppend: 1_000, inFlight: 4 });
      const whileWritten = await writing.stop();
      const reading = sampleMemory(child.pid, 250);
      await readRate(client, size.events);
      return [whileWritten, await reading.stop()] as const;
    });
    return [
      memoryFinding(`memory of its own while ${million} are appended`, written),
      memoryFinding(`memory of its own while ${million} are read`, read),
      await startUp(directory, million),
    ];
  });
}

/**
 * Does the memory stay the same? Its maximum in the second half of the work may be at most a fifth
 * above that of the first half.
 */
function memoryFinding(what: string, samples: readonly Memory[]): Finding {
  const bound = 'second half ≤ 1.2 × first half';
  const middle = Math.floor(samples.length / 2);
  const first = Math.max(...samples.slice(0, middle).map(({ own }) => own));
  const second = Math.max(...samples.slice(middle).map(({ own }) => own));
  if (samples.length < 4) return { what, bound, measured: 'no /proc here', kept: undefined };
  const resident = Math.max(...samples.map((sample) => sample.resident));
  return {
    what,
    bound,
    measured:
      `${(second / first).toFixed(2)} × (${first.toFixed(0)} → ${second.toFixed(0)} MB; ` +
      `${resident.toFixed(0)} MB with the log's pages)`,
    kept: second <= 1.2 * first,
  };
}

async function startUp(directory: string, million: string): Promise<Finding> {
  const times: number[] = [];
  for (let start = 0; start < 3; start++) {
    const begin = performance.now();
    await withStore(directory, async () => {
      times.push(performance.now() - begin);
    });
  }
  const middle = median(times) / 1_000;
  return {
    what: `start-up on ${million}`,
    bound: '< 2 s',
    measured: `${middle.toFixed(2)} s`,
    kept: middle < 2,
  };
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en');
}

const begin = performance.now();
const findings: Finding[] = [];
for (const measure of [() => appending(256), () => appending(100), reading, latency, large]) {
  const found = [await measure()].flat();
  for (const { what } of found) console.error(`measured: ${what}`);
  findings.push(...found);
}
const seconds = Math.round((performance.now() - begin) / 1_000);
console.log(
  `Embedded event store, ${flags.quick ? 'quick form, ' : ''}Node ${process.version}, ` +
    `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown processor'}, ${seconds} s\n`,
);
console.log(table(findings));
