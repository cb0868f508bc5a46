/**
 * What a poll of the waiting queue costs with 1,000 and with 1,000,000 users, the memory of a
 * place, and how fast 10,000 users enrol. With REDIS_URL also in Redis: it removes
 * the keys of its own queue afterwards.
 *
 *     npm run bench:queue -- [--waiting 1000000]
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { connectRedis } from '../src/infrastructure/redis.ts';
import { InProcessQueue } from '../src/queue/in-process-queue.ts';
import { RedisQueue } from '../src/queue/redis-queue.ts';
import type { QueueSettings, WaitingQueue } from '../src/queue/waiting-queue.ts';
import { quantile } from './support/measure.ts';

const { values } = parseArgs({ options: { waiting: { type: 'string', default: '1000000' } } });
const many = Number(values.waiting);
const few = 1_000;
/** Polls that are measured, each alone. */
const polls = 5_000;
/** Polls under way at once while the line is filled. */
const atOnce = 500;

const settings: QueueSettings = {
  admittedMax: 30,
  waitingMax: many + few,
  claimMs: 3_600_000,
  admittedMs: 3_600_000,
  placeMaxMs: 3_600_000,
  waitingMs: 3_600_000,
  pauseMaxMs: 20_000,
  afterPaymentMs: 5_000,
};

const userOf = (n: number): string => `user-${n}`;

async function fill(queue: WaitingQueue, from: number, to: number): Promise<number> {
  const startedMs = performance.now();
  for (let at = from; at < to; at += atOnce) {
    const users = Array.from({ length: Math.min(atOnce, to - at) }, (_, n) => userOf(at + n));
    await Promise.all(users.map((user) => queue.poll(user)));
  }
  return performance.now() - startedMs;
}

/** Microseconds of polls by users all over the line, each alone. */
async function pollMicros(queue: WaitingQueue, users: number): Promise<number[]> {
  const micros: number[] = [];
  for (let n = 0; n < polls; n += 1) {
    const user = userOf(settings.admittedMax + ((n * 7_919) % users));
    const startedMs = performance.now();
    await queue.poll(user);
    micros.push((performance.now() - startedMs) * 1_000);
  }
  return micros;
}

async function measure(name: string, queue: WaitingQueue, memory: () => Promise<number>) {
  const first = few + settings.admittedMax;
  await fill(queue, 0, first);
  const little = quantile(await pollMicros(queue, few), 0.5);
  const enrolMs = await fill(queue, first, first + 10_000);
  console.log(`${name}: 10,000 users enrol in ${enrolMs.toFixed(0)} ms`);
  const before = await memory();
  await fill(queue, first + 10_000, many + settings.admittedMax);
  const bytes = ((await memory()) - before) / (many - few - 10_000);
  const much = quantile(await pollMicros(queue, many), 0.5);
  const ratio = (much / little).toFixed(2);
  console.log(
    `${name}: a poll takes ${little.toFixed(1)} µs with ${few}, ` +
      `${much.toFixed(1)} µs with ${many} (× ${ratio}); ${bytes.toFixed(0)} bytes per place`,
  );
}

const heap = async (): Promise<number> => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};
await measure('in-process', new InProcessQueue(settings), heap);

const url = process.env.REDIS_URL;
if (url !== undefined && url !== '') {
  const redis = connectRedis(url, () => {});
  await once(redis, 'ready');
  const name = `bench-${randomBytes(6).toString('hex')}`;
  const used = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
  const queue = new RedisQueue(redis, settings, { name });
  await measure('Redis', queue, used);
  const keys = ['present', 'ends', 'waiting', 'admitted', 'places', 'counters'];
  await redis.unlink(...keys.map((key) => `{${name}}:${key}`));
  await queue.close();
}
