/**
 * Compares a service of one process with a service of several workers (ADR 59), with the journey of
 * `bench/journey.ts`. Each service has embedded servers and its own Redis. Shows the processor time
 * of each process. Also measures the cost of two instances without requests: one follows the log,
 * the other one writes the read models. From these costs it computes which process would reach its
 * limit first if each process had its own core. Linux only, with `redis-server`.
 *
 * npm run bench:workers -- [--rounds 3] [--workers 2] [--of 8] [--buyers 100]
 */
import './support/help.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type LoadedService, startFreshService } from '../load/service.ts';
import { type Program, startRedisServer } from '../src/drill/programs.ts';
import { eventually } from '../src/support/eventually.ts';
import { verify } from '../src/verify/verify-log.ts';
import type { JourneyResult } from './journey-client.ts';
import { Generator, warmSeconds, warmUpSeconds } from './support/journeys.ts';
import { median } from './support/measure.ts';
import { cpuOf, type Part, partsOf } from './support/processes.ts';

/** Longest wait until all workers serve, in milliseconds. */
const startMs = 120_000;

interface Run {
  readonly result: JourneyResult;
  /** Milliseconds per journey, by the name of the part. Workers and PostgreSQL are sums. */
  readonly cpu: Readonly<Record<string, number>>;
  /** The times of each process, for `first`. */
  readonly worker: readonly number[];
  /** The time of PostgreSQL's busiest process. */
  readonly busiest: number;
}

interface Job {
  readonly buyers: number;
  readonly env: Readonly<Record<string, string>>;
  /**
   * A second instance, and which of both gets the requests. The first one writes the read models.
   */
  readonly second?: 'idle' | 'busy';
}

async function onService(job: Job): Promise<Run> {
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-workers-'));
  const redis = await startRedisServer({ 'maxmemory-policy': 'noeviction' });
  if (redis === undefined) throw new Error('there is no redis-server');
  const services: LoadedService[] = [];
  const generator = new Generator();
  const start = async (env: Readonly<Record<string, string>>) => {
    const log = path.join(directory, `service-${services.length}.log`);
    const given = { REDIS_URL: redis.url, DRAIN_SECONDS: '0', ...env };
    services.push(await startFreshService(log, new AbortController().signal, given));
  };
  try {
    await start(job.env);
    const [first] = services as [LoadedService];
    const urls = { EVENTSTORE_URL: first.eventStoreUrl, POSTGRES_URL: first.postgresUrl };
    if (job.second !== undefined) await start(urls);
    await eventually('all workers serve', () => serves(first), startMs);
    const loaded = job.second === 'busy' ? (services[1] as LoadedService) : first;
    const run = await measure({ generator, services, loaded, redis, buyers: job.buyers });
    const { eventStoreUrl, postgresUrl } = first;
    const { violations } = await verify({ eventStoreUrl, postgresUrl });
    if (violations.total > 0) throw new Error(`${violations.total} violations after the journeys`);
    return run;
  } finally {
    generator.end();
    for (const service of services.reverse()) await service.stop();
    await redis.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function serves({ adminUrl }: LoadedService): Promise<boolean> {
  const { workers } = (await (await fetch(`${adminUrl}/readyz`)).json()) as {
    workers?: readonly { readonly state: string }[];
  };
  return workers === undefined || workers.every(({ state }) => state === 'ready');
}

async function measure({
  generator,
  services,
  loaded,
  redis,
  buyers,
}: {
  readonly generator: Generator;
  readonly services: readonly LoadedService[];
  readonly loaded: LoadedService;
  readonly redis: Program;
  readonly buyers: number;
}): Promise<Run> {
  const job = { port: Number(new URL(loaded.url).port), buyers, warmUpSeconds: 0 };
  await generator.run({ ...job, seconds: warmUpSeconds });
  const now = async () => {
    const parts = (await Promise.all(services.map(({ pid }) => partsOf(pid)))).flat();
    const others = [
      { name: 'Redis', pid: redis.process.pid as number },
      { name: 'generator', pid: generator.pid },
    ];
    const spent = others.map(async (one) => ({ ...one, cpuMs: await cpuOf(one.pid) }));
    return [...parts, ...(await Promise.all(spent))];
  };
  const before = new Map((await now()).map(({ pid, cpuMs }) => [pid, cpuMs]));
  const result = await generator.run({ ...job, seconds: warmSeconds });
  const each = (await now()).map(({ name, pid, cpuMs }) => ({
    name,
    ms: (cpuMs - (before.get(pid) ?? 0)) / result.completed,
  }));
  const of = (name: Part['name']) => each.filter((one) => one.name === name).map(({ ms }) => ms);
  const cpu: Record<string, number> = {};
  for (const { name, ms } of each) cpu[name] = (cpu[name] ?? 0) + ms;
  return { result, cpu, worker: of('worker'), busiest: Math.max(...of('PostgreSQL')) };
}

const ms = (value: number | undefined) => (value ?? 0).toFixed(2);

function line(name: string, { result, cpu, worker, busiest }: Run): string {
  const { perSecond, p50Ms, p95Ms, maxMs, failed } = result;
  const n = (value: number) => value.toFixed(0).padStart(6);
  const parts = [
    `workers ${worker.map(ms).join(' + ')}`,
    ...['primary', 'event store', 'PostgreSQL', 'Redis', 'generator']
      .filter((part) => cpu[part] !== undefined)
      .map((part) => `${part} ${ms(cpu[part])}`),
  ];
  return `${name.padEnd(24)}${n(perSecond)} journeys/s, p50${n(p50Ms)} p95${n(p95Ms)} max${n(maxMs)} ms, failed ${failed}; CPU ms a journey: ${parts.join(', ')} (busiest process ${ms(busiest)})`;
}

/**
 * Computes which process reaches its limit first with `workers`, if each process has its own core.
 * The event store sends each event to each worker, so its share grows with the workers.
 */
function first(
  runs: Readonly<Record<'one' | 'busyLeads' | 'idleLeads', readonly Run[]>>,
  workers: number,
) {
  const of = (all: readonly Run[], value: (run: Run) => number | undefined) =>
    median(all.map((run) => value(run) ?? Number.NaN));
  const { one, busyLeads, idleLeads } = runs;
  // The first process of a run is the first instance, which leads.
  const follow = of(busyLeads, ({ worker }) => worker[1]);
  const lead = of(idleLeads, ({ worker }) => worker[0]);
  const serve = of(idleLeads, ({ worker }) => worker[1]) - follow;
  const two = [...busyLeads, ...idleLeads];
  const storeOf = (all: readonly Run[]) => of(all, ({ cpu }) => cpu['event store']);
  const ofEach = {
    'a worker that follows': serve / workers + follow,
    'the worker that writes the read models': serve / workers + lead,
    'the event store': storeOf(one) + (workers - 1) * (storeOf(two) - storeOf(one)),
    'PostgreSQL, its busiest process': of(two, ({ busiest }) => busiest),
    Redis: of(two, ({ cpu }) => cpu.Redis),
  };
  console.log(
    `\nserve ${ms(serve)}, follow ${ms(follow)}, lead ${ms(lead)} ms of a worker per journey. With ${workers} workers, a core for each process:`,
  );
  for (const [name, each] of Object.entries(ofEach).sort(([, a], [, b]) => b - a)) {
    console.log(
      `  ${name.padEnd(40)} ${ms(each)} ms, full at ${(1_000 / each).toFixed(0)} journeys/s`,
    );
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      workers: { type: 'string', default: '2' },
      of: { type: 'string', default: '8' },
      buyers: { type: 'string', default: '100' },
    },
  });
  const buyers = Number(values.buyers);
  const runs = {
    one: [] as Run[],
    more: [] as Run[],
    busyLeads: [] as Run[],
    idleLeads: [] as Run[],
  };
  const take = async (name: string, to: Run[], job: Omit<Job, 'buyers'>) => {
    const run = await onService({ ...job, buyers });
    to.push(run);
    console.log(line(name, run));
  };
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    await take(`${round} one process`, runs.one, { env: { WORKERS: '1' } });
    await take(`${round} ${values.workers} workers`, runs.more, {
      env: { WORKERS: values.workers },
    });
    await take(`${round} busy leads, one idle`, runs.busyLeads, { env: {}, second: 'idle' });
    await take(`${round} idle leads, one busy`, runs.idleLeads, { env: {}, second: 'busy' });
  }
  const middle = (all: readonly Run[]) => median(all.map(({ result }) => result.perSecond));
  console.log(
    `\n${values.workers} workers: × ${(middle(runs.more) / middle(runs.one)).toFixed(2)} journeys/s of one process`,
  );
  first(runs, Number(values.of));
}

await main();
