/**
 * Measures the waiting queue with many waiting users, in this process's memory and in Redis. It
 * measures the cost of a poll with 1,000 and with 1,000,000 waiting users, in turns, as a call of
 * the queue and over HTTP. It also measures the cost to end the presence of an absent user, the
 * memory of a waiting place, and the time in which 10,000 users enrol. It measures polls over HTTP
 * at a fixed rate and at the largest rate, in turns with a route that does nothing. Without
 * REDIS_URL, it starts its own Redis, if `redis-server` is installed. With REDIS_URL, it removes
 * its keys at the end.
 *
 *   npm run bench:queue -- [--waiting 1000000] [--seconds 5] [--queue in-process|redis]
 *                          [--pause 600000]
 *
 * The pause is the longest pause between two polls, in milliseconds. With the default, nobody
 * becomes absent during the measurement. With a shorter pause, each poll also ends the presence of
 * users who have enrolled and do not poll. A million users who poll every 20 s would make 50,000
 * polls per second. One Redis cannot answer so many.
 */
import './support/help.ts';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { connectRedis, type RedisClient } from '../src/infrastructure/redis.ts';
import { InProcessQueue } from '../src/queue/in-process-queue.ts';
import { endsMax } from '../src/queue/pace.ts';
import { RedisQueue } from '../src/queue/redis-queue.ts';
import type { QueueSettings, WaitingQueue } from '../src/queue/waiting-queue.ts';
import { startRedisServer } from '../test/support/programs.ts';
import { type Finding, median, table } from './support/measure.ts';
import { measureGrowthOverHttp, measureHttp } from './support/queue-http.ts';

const { values } = parseArgs({
  options: {
    waiting: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '5' },
    queue: { type: 'string', default: 'both' },
    pause: { type: 'string', default: '600000' },
  },
});
const many = Number(values.waiting);
const few = 1_000;
const newcomers = 10_000;
/**
 * The number of measured polls in each turn, and the number of turns of each queue. Each poll is
 * measured alone.
 */
const pollsPerTurn = 250;
const turns = 20;
/** The number of parallel polls while the line is filled, like connections of buyers. */
const atOnce = 100;
/** The number of polls, each of which ends the presence of `endsMax` other users. */
const pollsOfLate = 500;
/** The number of waiting users during the polls over HTTP. */
const httpWaiting = 10_000;

const settings: QueueSettings = {
  admittedMax: 30,
  waitingMax: many + few + newcomers,
  claimMs: 3_600_000,
  admittedMs: 3_600_000,
  placeMaxMs: 3_600_000,
  waitingMs: 3_600_000,
  pauseMaxMs: Number(values.pause),
  afterPaymentMs: 5_000,
};

interface Opened {
  readonly queue: WaitingQueue;
  /** The same line at a later time, when the next poll of every user is overdue. */
  readonly later: () => WaitingQueue;
}

/** A kind of queue, with the measures of its memory and its work. */
interface Kind {
  readonly name: string;
  readonly open: () => Promise<Opened>;
  readonly bytesUsed: () => Promise<number>;
  /**
   * The processor time of the queue so far, in microseconds. A busy machine changes it less than
   * the elapsed time.
   */
  readonly workMicros: () => Promise<number>;
}

const userOf = (n: number): string => `user-${n}`;

async function fill(queue: WaitingQueue, from: number, to: number): Promise<number> {
  const startedMs = performance.now();
  let next = from;
  const one = async () => {
    while (next < to) {
      next += 1;
      await queue.poll(userOf(next - 1));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return performance.now() - startedMs;
}

/** A line, and the times of its polls. */
class Line {
  readonly micros: number[] = [];
  /** The processor time of the queue per poll, one figure for each turn. */
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

  /** Polls of users at random positions of the line, each alone. */
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

/** Users at random positions of a line, more than are asked in one turn. */
const someOf = (waiting: number): string[] =>
  Array.from({ length: 100_000 }, (_, n) => userOf(settings.admittedMax + ((n * 7_919) % waiting)));

async function measureGrowth(kind: Kind): Promise<Finding[]> {
  const small = (await kind.open()).queue;
  const { queue: large, later } = await kind.open();
  await fill(small, 0, few + settings.admittedMax);
  const enrolMs = await fill(large, 0, newcomers);
  const bytesBefore = await kind.bytesUsed();
  await fill(large, newcomers, many + settings.admittedMax);
  const bytes =
    ((await kind.bytesUsed()) - bytesBefore) / (many + settings.admittedMax - newcomers);
  const [little, much] = [new Line(kind, small, few), new Line(kind, large, many)];
  // The first turn of each line is a warm-up.
  for (let turn = 0; turn <= turns; turn += 1) {
    if (turn === 1) for (const line of [little, much]) line.micros.length = line.work.length = 0;
    await little.turn();
    await much.turn();
  }
  const overHttp = await measureGrowthOverHttp(
    kind.name,
    [
      { queue: small, count: few, users: someOf(few) },
      { queue: large, count: many, users: someOf(many) },
    ],
    Number(values.seconds),
  );
  const absence = await absenceMicros(kind, later(), median(much.work));
  const { name } = kind;
  const ratio = median(much.micros) / median(little.micros);
  const workRatio = median(much.work) / median(little.work);
  const figures = (one: readonly number[], other: readonly number[]) =>
    `${median(one).toFixed(1)} and ${median(other).toFixed(1)} µs`;
  return [
    {
      what: `${name}: a call of the queue for a poll with ${few} and ${many} waiting, median`,
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
    ...overHttp,
    {
      what: `${name}: processor time to end the presence of one who does not poll any more`,
      bound: '–',
      measured: `${absence.toFixed(1)} µs; at most ${endsMax} for each poll`,
      kept: undefined,
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

/** @param pollMicros the time of a poll that ends no presence */
async function absenceMicros(kind: Kind, queue: WaitingQueue, pollMicros: number): Promise<number> {
  const before = await kind.workMicros();
  for (let n = 0; n < pollsOfLate; n += 1) {
    await queue.poll(userOf(settings.admittedMax + ((n * 7_919) % many)));
  }
  return ((await kind.workMicros()) - before - pollsOfLate * pollMicros) / (pollsOfLate * endsMax);
}

const laterMs = 2 * settings.pauseMaxMs;

const inProcess: Kind = {
  name: 'in process',
  async open() {
    let aheadMs = 0;
    const queue = new InProcessQueue(settings, { now: () => Date.now() + aheadMs });
    const later = () => {
      aheadMs = laterMs;
      return queue;
    };
    return { queue, later };
  },
  bytesUsed: async () => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  },
  workMicros: async () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
};

/** @param opened called with the name of each queue, so that the caller can remove its keys */
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
      const now = () => Date.now() + laterMs;
      return {
        queue: new RedisQueue(client, settings, { name }),
        later: () => new RedisQueue(client, settings, { name, now }),
      };
    },
    bytesUsed: () => numberIn('memory', /used_memory:(\d+)/),
    async workMicros() {
      const seconds = [/used_cpu_user:([\d.]+)/, /used_cpu_sys:([\d.]+)/];
      const [user = 0, system = 0] = await Promise.all(seconds.map((one) => numberIn('cpu', one)));
      return 1_000_000 * (user + system);
    },
  };
}

/** Polls over HTTP of all waiting users, one after another. */
async function measurePolls({ name, open }: Kind): Promise<Finding[]> {
  const { queue } = await open();
  await fill(queue, 0, httpWaiting);
  const waiting = httpWaiting - settings.admittedMax;
  const users = Array.from({ length: waiting }, (_, n) =>
    userOf(settings.admittedMax + ((n * 7_919) % waiting)),
  );
  return measureHttp(name, queue, users, Number(values.seconds));
}

const findings: Finding[] = [];
async function measure(kind: Kind): Promise<void> {
  for (const part of [measurePolls, measureGrowth]) {
    const found = await part(kind);
    findings.push(...found);
    // On a busy machine, the rest may not finish in time.
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
