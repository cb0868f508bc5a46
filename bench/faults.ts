/**
 * `npm run faults [-- WORD]` runs one service on a real PostgreSQL, a real Redis and the embedded
 * event store. A relay is before each server and can interrupt its connections. The program causes
 * one fault after another: all faults, or those whose name contains WORD. It measures the answers
 * to buyers during each fault, and the time until all calls succeed again. A run of all faults
 * writes docs/faults.md. The exit code is 1 when the service did not recover in time.
 */
import './support/help.ts';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRelay } from '../src/drill/relay.ts';
import { type SmallDisk, smallDisk } from '../src/drill/small-disk.ts';
import { Service } from '../test/e2e/support/service.ts';
import {
  type Program,
  startPostgres,
  startRedisServer,
  startStandby,
} from '../test/support/programs.ts';
import { selfSigned } from '../test/support/self-signed.ts';
import { testEventStore } from '../test/support/servers.ts';
import { type Fault, faults, impostors, portOf, type Site } from './support/faults.ts';

/** The duration of a fault that is not permanent, in milliseconds. */
const faultMs = 4_000;
/** All calls must succeed again within this time after the fault is over, in milliseconds. */
const healedMsMax = 5_000;
/**
 * If a permanent fault has no effect for this long, the service counts as recovered, in
 * milliseconds.
 */
const unnoticedMsMax = 8_000;
/** The longest wait for the service to recover, in milliseconds. */
const patienceMs = 60_000;
/**
 * The service is well when all calls that began within this time succeeded, in milliseconds.
 */
const steadyMs = 1_500;
/** A projection that is behind without progress for longer than this is reported, in seconds. */
const stalledSecondsMax = 1;
const askEachMs = 100;
/** The size of PostgreSQL's disk; its initial data takes about half of it. */
const diskMegabytes = 128;
const callMsMax = 12_000;

/** The calls of buyers, by name. */
const calls: Readonly<Record<string, (service: Service, n: number) => Promise<number>>> = {
  charge: async (service, n) => (await service.charge('u1', 1, `${process.pid}-${n}`)).status,
  // The answer must include the user's own charges.
  balance: async (service) => (await service.call('GET', '/concert/balance?userId=u1')).status,
  list: async (service) => (await service.call('GET', '/concert')).status,
  queue: async (service) => (await service.call('GET', '/concert/waiting/status?userId=u1')).status,
};

/** All calls of one moment. */
interface Look {
  readonly atMs: number;
  /** Did every call succeed, and was it ready? Undefined until all are answered. */
  isWell: boolean | undefined;
}

interface Seen {
  readonly answers: Map<string, Set<string>>;
  readonly causes: Set<string>;
  readonly looks: Look[];
  slowestMs: number;
}

interface Told {
  readonly dependencies?: Readonly<Record<string, 'up' | 'down'>>;
  readonly projection?: { readonly state: string; readonly stalledSeconds: number };
}

let asked = 0;
async function look(service: Service, seen: Seen): Promise<void> {
  const one: Look = { atMs: performance.now(), isWell: undefined };
  seen.looks.push(one);
  const asking = service.readyz<Told>().catch(() => undefined);
  const outcomes = await Promise.all(
    Object.entries(calls).map(async ([name, call]) => {
      asked += 1;
      const began = performance.now();
      const late = sleep(callMsMax, 'no answer');
      const status = await Promise.race([call(service, asked).catch(() => 'no answer'), late]);
      seen.slowestMs = Math.max(seen.slowestMs, performance.now() - began);
      if (status === 200) return true;
      const answers = seen.answers.get(name) ?? new Set();
      seen.answers.set(name, answers.add(String(status)));
      return false;
    }),
  );
  const ready = await asking;
  for (const [name, state] of Object.entries(ready?.body.dependencies ?? {})) {
    if (state === 'down') seen.causes.add(`${name} is down`);
  }
  const { state = 'live', stalledSeconds = 0 } = ready?.body.projection ?? {};
  if (state !== 'live') seen.causes.add(`the projection is ${state}`);
  if (stalledSeconds > stalledSecondsMax) seen.causes.add('the projection makes no progress');
  one.isWell = ready?.status === 200 && outcomes.every((outcome) => outcome);
}

/**
 * The time since which all calls succeeded; undefined when one failed, or when that time is too
 * short.
 */
function wellSince(looks: readonly Look[]): number | undefined {
  let since: number | undefined;
  let untilMs = 0;
  for (const { atMs, isWell } of looks) {
    if (isWell === undefined) break;
    since = isWell ? (since ?? atMs) : undefined;
    untilMs = atMs;
  }
  return since !== undefined && untilMs - since > steadyMs ? since : undefined;
}

interface Row {
  readonly fault: Fault;
  readonly seen: Seen;
  /** Time from the end of the fault until all calls succeeded; undefined when they never did. */
  readonly healedMs: number | undefined;
}

async function suffer(site: Site, fault: Fault): Promise<Row> {
  const seen: Seen = { answers: new Map(), causes: new Set(), looks: [], slowestMs: 0 };
  const asking: Promise<void>[] = [];
  const askAgain = () => {
    asking.push(look(site.service, seen));
    return sleep(askEachMs);
  };
  let overMs = performance.now();
  await fault.begin(site);
  if (fault.end !== undefined) {
    const endMs = performance.now() + faultMs;
    while (performance.now() < endMs) await askAgain();
    await fault.end(site);
    overMs = performance.now();
  }
  const healed = async (): Promise<number | undefined> => {
    for (;;) {
      await askAgain();
      // A permanent fault has an effect only after the service has sent something.
      const hasShown = fault.end !== undefined || seen.answers.size > 0 || seen.causes.size > 0;
      const isOver = performance.now() - overMs > unnoticedMsMax;
      const sinceMs = wellSince(seen.looks.filter(({ atMs }) => atMs >= overMs));
      if (sinceMs !== undefined && (hasShown || isOver)) return sinceMs - overMs;
      if (performance.now() - overMs > patienceMs) return undefined;
    }
  };
  const healedMs = await healed();
  await Promise.all(asking);
  return { fault, seen, healedMs };
}

const isInTime = ({ healedMs }: Row) => healedMs !== undefined && healedMs <= healedMsMax;
const inSeconds = (ms: number) => (ms / 1_000).toFixed(1);

function asLine({ fault, seen, healedMs }: Row): string {
  const answers = [...seen.answers].map(([call, all]) => `${call} ${[...all].join(', ')}`);
  return [
    fault.name,
    answers.join('; ') || 'nothing',
    [...seen.causes].join(', ') || 'nothing',
    `${inSeconds(seen.slowestMs)} s`,
    healedMs === undefined ? 'never' : `${inSeconds(healedMs)} s`,
  ].join(' | ');
}

const page = (rows: readonly Row[]) => `# Faults and their effect on buyers

\`npm run faults\` writes this page. The command runs one service with PostgreSQL, Redis and the embedded event store. It causes one fault after
another. Ten times per second, the command makes these calls: ${Object.keys(calls).join(', ')} and \`/readyz\`. A fault lasts ${faultMs / 1_000} s. Two faults are
exceptions: in the rows with "open connections transfer nothing", the fault does not end. "Works again after" is the time from the end of the fault until all calls succeed. For
the two faults that do not end, this time begins at the start of the fault. The bound for this time is ${healedMsMax / 1_000} s. Refusals have a \`Retry-After\` header.

| fault | refusals seen | \`/readyz\` says | slowest answer | works again after |
| --- | --- | --- | --- | --- |
${rows.map((row) => `| ${asLine(row)} |`).join('\n')}
`;

/** Starts PostgreSQL with its data on its own disk. */
async function startPostgresOn({ path: directory }: SmallDisk): Promise<Program | undefined> {
  const { TMPDIR } = process.env;
  process.env.TMPDIR = directory;
  await chmod(directory, 0o755);
  try {
    return await startPostgres();
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
}

async function main(word: string | undefined): Promise<void> {
  const disk = await smallDisk(diskMegabytes);
  const pair = await selfSigned();
  if (disk === undefined || pair === undefined) {
    throw new Error('openssl is needed, and a small disk needs Linux and root');
  }
  const caFile = path.join(disk.path, 'ca.crt');
  await writeFile(caFile, pair.cert);
  const [postgres, redis, store] = [
    await startPostgresOn(disk),
    await startRedisServer(),
    await testEventStore({}),
  ];
  const standby = postgres && (await startStandby(postgres));
  if (postgres === undefined || standby === undefined || redis === undefined) {
    throw new Error('PostgreSQL and redis-server must be installed');
  }
  const ways = {
    postgres: await startRelay(postgres.port),
    redis: await startRelay(redis.port),
    store: await startRelay(portOf(store.url), pair),
  };
  const service = await Service.start({
    EVENTSTORE_URL: `esdb://localhost:${ways.store.port}?tlsCAFile=${caFile}`,
    POSTGRES_URL: `postgres://postgres@127.0.0.1:${ways.postgres.port}/postgres`,
    REDIS_URL: `redis://127.0.0.1:${ways.redis.port}`,
    DEMO: 'on',
  });
  const ballast = path.join(disk.path, 'ballast');
  const site = { service, postgres, standby, redis, store, ways, caFile, ballast };
  const rows: Row[] = [];
  try {
    for (const fault of faults.filter(({ name }) => name.includes(word ?? ''))) {
      const row = await suffer(site, fault);
      rows.push(row);
      console.log(`${isInTime(row) ? 'healed' : 'LATE  '}  ${asLine(row)}`);
    }
    if (word === undefined) await writeFile('docs/faults.md', page(rows));
    if (!rows.every(isInTime)) process.exitCode = 1;
  } finally {
    await service.remove();
    for (const part of [...Object.values(ways), standby, postgres, redis, store]) await part.stop();
    for (const server of impostors) server.close();
    await disk.remove();
  }
}

await main(process.argv[2]);
