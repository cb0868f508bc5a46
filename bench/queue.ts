/**
 * The waiting queue with many who wait, in this process's memory and in Redis: what a poll costs
 * with 1,000 and with 1,000,000 waiting, in turns; the memory of a waiting place; how fast 10,000
 * enrol; and polls over HTTP, in turns with a route that does nothing. Without REDIS_URL it starts
 * a Redis of its own, where `redis-server` is installed; otherwise it removes its keys afterwards.
 *
 *     npm run bench:queue -- [--waiting 1000000] [--seconds 5] [--queue in-process|redis]
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import pino from 'pino';
import { createHttpServer } from '../src/http/server.ts';
import { connectRedis, type RedisClient } from '../src/infrastructure/redis.ts';
import { InProcessQueue } from '../src/queue/in-process-queue.ts';
import { RedisQueue } from '../src/queue/redis-queue.ts';
import type { QueueSettings, WaitingQueue } from '../src/queue/waiting-queue.ts';
import { fakeApi } from '../test/http/support/fake-api.ts';
import { startRedisServer } from '../test/support/programs.ts';
import { type Finding, median, quantile, table } from './support/measure.ts';

const { values } = parseArgs({
  options: {
    waiting: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '5' },
    queue: { type: 'string', default: 'both' },
  },
});
const many = Number(values.waiting);
const few = 1_000;
const newcomers = 10_000;
/** Polls that are measured, each alone: so many in each of so many turns of either queue. */
const pollsPerTurn = 250;
const turns = 20;
/** Polls under way at once while the line is filled, as buyers' connections are. */
const atOnce = 100;
/** Clients over HTTP that ask again at once, and turns of either route. */
const connections = 64;
const httpTurns = 3;
/** Users who wait while they are polled over HTTP. */
const httpWaiting = 10_000;

const settings: QueueSettings = {
  admittedMax: 30,
  waitingMax: many + few + newcomers,
  claimMs: 3_600_000,
  admittedMs: 3_600_000,
  placeMaxMs: 3_600_000,
  waitingMs: 3_600_000,
  pauseMaxMs: 20_000,
  afterPaymentMs: 5_000,
};

/** A kind of queue, and what is known of its memory and of its work. */
interface Kind {
  readonly name: string;
  readonly open: () => Promise<WaitingQueue>;
  readonly bytesUsed: () => Promise<number>;
  /** Processor time of the queue so far, in microseconds: a busy machine changes it less. */
  readonly workMicros: () => Promise<number>;
}

const userOf = (n: number): string => `user-${n}`;

async function fill(queue: WaitingQueue, from: number, to: number): Promise<number> {
  const startedMs = performance.now();
  for (let at = from; at < to; at += atOnce) {
    const users = Array.from({ length: Math.min(atOnce, to - at) }, (_, n) => userOf(at + n));
    await Promise.all(users.map((user) => queue.poll(user)));
  }
  return performance.now() - startedMs;
}

/** A line, and what its polls took. */
class Line {
  readonly micros: number[] = [];
  /** Of the queue itself for each poll, a figure per turn. */
  readonly work: number[] = [];
  readonly #kind: Kind;
  readonly #queue: WaitingQueue;
  readonly #waiting: number;
  #next = 0;

  constructor(kind: Kind, queue: WaitingQueue, waiting: number) {
    this.#kind = kind;
    this.#queue = queue;
    this.#waiting = waiting;
  }

  /** Polls by users all over the line, each alone. */
  async turn(): Promise<void> {
    const before = await this.#kind.workMicros();
    for (let n = 0; n < pollsPerTurn; n += 1, this.#next += 1) {
      const user = userOf(settings.admittedMax + ((this.#next * 7_919) % this.#waiting));
      const startedMs = performance.now();
      await this.#queue.poll(user);
      this.micros.push((performance.now() - startedMs) * 1_000);
    }
    this.work.push(((await this.#kind.workMicros()) - before) / pollsPerTurn);
  }
}

async function measureGrowth(kind: Kind): Promise<Finding[]> {
  const [small, large] = [await kind.open(), await kind.open()];
  await fill(small, 0, few + settings.admittedMax);
  const enrolMs = await fill(large, 0, newcomers);
  const bytesBefore = await kind.bytesUsed();
  await fill(large, newcomers, many + settings.admittedMax);
  const bytes =
    ((await kind.bytesUsed()) - bytesBefore) / (many + settings.admittedMax - newcomers);
  const [little, much] = [new Line(kind, small, few), new Line(kind, large, many)];
  // The first turn of each warms up.
  for (let turn = 0; turn <= turns; turn += 1) {
    if (turn === 1) for (const line of [little, much]) line.micros.length = line.work.length = 0;
    await little.turn();
    await much.turn();
  }
  const { name } = kind;
  const ratio = median(much.micros) / median(little.micros);
  const workRatio = median(much.work) / median(little.work);
  const figures = (one: readonly number[], other: readonly number[]) =>
    `${median(one).toFixed(1)} and ${median(other).toFixed(1)} µs`;
  return [
    {
      what: `${name}: a poll with ${few} and ${many} waiting, median`,
      bound: '≤ × 2',
      measured: `× ${ratio.toFixed(2)} (${figures(little.micros, much.micros)})`,
      kept: ratio <= 2,
    },
    {
      what: `${name}: the queue’s processor time for one of them`,
      bound: '≤ × 2',
      measured: `× ${workRatio.toFixed(2)} (${figures(little.work, much.work)})`,
      kept: workRatio <= 2,
    },
    {
      what: `${name}: memory of a waiting place`,
      bound: '≤ 500 bytes',
      measured: `${bytes.toFixed(0)} bytes`,
      kept: bytes <= 500,
    },
    {
      what: `${name}: ${newcomers} users enrol`,
      bound: '≤ 1,000 ms',
      measured: `${enrolMs.toFixed(0)} ms`,
      kept: enrolMs <= 1_000,
    },
  ];
}

/** What clients over HTTP saw: microseconds of each answer, and of this process's work for one. */
interface Answers {
  readonly micros: readonly number[];
  readonly cpuMicros: number;
}

/** From a service whose queue this is. */
async function overHttp(queue: WaitingQueue, paths: readonly string[]): Promise<Answers> {
  const server = createHttpServer({ ...fakeApi(), queue, log: pino({ level: 'silent' }) } as never);
  const port = await server.listen(0, '127.0.0.1');
  const client = fork(new URL('poll-client.ts', import.meta.url));
  const died = once(client, 'exit').then(() => Promise.reject(new Error('the client died')));
  try {
    client.send({ port, paths, connections, seconds: Number(values.seconds) });
    const answered = () => Promise.race([once(client, 'message'), died]);
    await answered();
    const before = process.cpuUsage();
    const [micros] = (await answered()) as [number[]];
    const { user, system } = process.cpuUsage(before);
    return { micros, cpuMicros: (user + system) / micros.length };
  } finally {
    died.catch(() => {});
    await server.close(0);
  }
}

async function measureHttp(kind: Kind): Promise<Finding[]> {
  const queue = await kind.open();
  await fill(queue, 0, httpWaiting);
  const polls = Array.from({ length: httpWaiting - settings.admittedMax }, (_, n) => {
    const user = userOf(
      settings.admittedMax + ((n * 7_919) % (httpWaiting - settings.admittedMax)),
    );
    return `/concert/waiting/status?userId=${user}`;
  });
  const [polled, nothing]: [Answers[], Answers[]] = [[], []];
  for (let turn = 0; turn < httpTurns; turn += 1) {
    nothing.push(await overHttp(queue, ['/livez']));
    polled.push(await overHttp(queue, polls));
  }
  const perSecond = (answers: readonly Answers[]) =>
    median(answers.map(({ micros }) => micros.length / Number(values.seconds)));
  const work = (answers: readonly Answers[]) => median(answers.map(({ cpuMicros }) => cpuMicros));
  const p95Ms = median(polled.map(({ micros }) => quantile(micros, 0.95))) / 1_000;
  const rate = perSecond(polled);
  const share = rate / perSecond(nothing);
  return [
    {
      what: `${kind.name}: polls over HTTP, ${connections} clients, ${httpWaiting} waiting`,
      bound: '≥ 2,000/s, p95 < 50 ms',
      measured: `${rate.toFixed(0)}/s, p95 ${p95Ms.toFixed(0)} ms; × ${share.toFixed(2)} of /livez`,
      kept: rate >= 2_000 && p95Ms < 50,
    },
    {
      what: `${kind.name}: processor time of the service for one of them, and for /livez`,
      bound: '≤ 500 µs',
      measured: `${work(polled).toFixed(0)} and ${work(nothing).toFixed(0)} µs`,
      kept: work(polled) <= 500,
    },
  ];
}

const inProcess: Kind = {
  name: 'in process',
  open: async () => new InProcessQueue(settings),
  bytesUsed: async () => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  },
  workMicros: async () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
};

/** @param opened is told the name of each queue, whose keys are to be removed */
function inRedis(redis: RedisClient, url: string, opened: string[]): Kind {
  const numberIn = async (section: string, pattern: RegExp) =>
    Number(pattern.exec(await redis.info(section))?.[1]);
  return {
    name: 'Redis',
    async open() {
      const name = `bench-${randomBytes(6).toString('hex')}`;
      opened.push(name);
      const client = connectRedis(url, () => {});
      await once(client, 'ready');
      return new RedisQueue(client, settings, { name });
    },
    bytesUsed: () => numberIn('memory', /used_memory:(\d+)/),
    async workMicros() {
      const seconds = [/used_cpu_user:([\d.]+)/, /used_cpu_sys:([\d.]+)/];
      const [user = 0, system = 0] = await Promise.all(seconds.map((one) => numberIn('cpu', one)));
      return 1_000_000 * (user + system);
    },
  };
}

const findings: Finding[] = [];
async function measure(kind: Kind): Promise<void> {
  for (const part of [measureHttp, measureGrowth]) {
    const found = await part(kind);
    findings.push(...found);
    // A busy machine may not let the rest come to its end.
    for (const { what, measured } of found) console.error(`${what}: ${measured}`);
  }
}

if (values.queue !== 'redis') await measure(inProcess);
const isInRedis = values.queue !== 'in-process';
const own = process.env.REDIS_URL || !isInRedis ? undefined : await startRedisServer();
const url = process.env.REDIS_URL || own?.url;
if (isInRedis && url !== undefined) {
  const redis = connectRedis(url, () => {});
  await once(redis, 'ready');
  const opened: string[] = [];
  const kind = inRedis(redis, url, opened);
  try {
    await measure(kind);
  } finally {
    const keys = ['present', 'ends', 'waiting', 'admitted', 'places', 'counters'];
    for (const name of opened) await redis.unlink(...keys.map((key) => `{${name}}:${key}`));
    await own?.stop();
  }
}
console.log(table(findings));
process.exit();
