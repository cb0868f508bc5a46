import { Cluster } from 'ioredis';
import type { RedisClient } from './redis.ts';

/** Bytes of a waiting place in Redis. We measured 340, with ids of ten characters. */
const placeBytes = 450;
/** Memory that Redis needs in addition to the places, in bytes. */
const otherBytes = 32 * 1024 * 1024;

/** Bytes that Redis needs for this number of waiting users in each of its lines. */
export const queueBytes = (waitingMax: number, lines = 1): number =>
  lines * waitingMax * placeBytes + otherBytes;

/**
 * Settings of a Redis that do not fit the waiting queue, one sentence each; empty if all are right.
 * In a cluster, it checks every master, for the lines that this master has.
 * @param lineKeys a key of each line
 * @throws Error if Redis gives no answer
 */
export async function redisWarnings(
  redis: RedisClient,
  waitingMax: number,
  lineKeys: readonly string[],
): Promise<string[]> {
  if (!(redis instanceof Cluster)) {
    return warningsOf(await redis.info(), waitingMax, lineKeys.length);
  }
  const slots = await Promise.all(lineKeys.map((key) => redis.cluster('KEYSLOT', key)));
  const masters = slots.map((slot) => redis.slots[Number(slot)]?.[0]);
  const all = await Promise.all(
    redis.nodes('master').map(async (node) => {
      const { host, port } = node.options;
      const lines = masters.filter((master) => master === `${host}:${port}`).length;
      return warningsOf(await node.info(), waitingMax, lines);
    }),
  );
  return [...new Set(all.flat())];
}

/** Shortest time between two checks, in milliseconds. */
const lookAgainMs = 5_000;

/**
 * Checks a Redis from time to time when a caller asks, because somebody may have changed its
 * settings.
 */
export class RedisWatch {
  readonly #redis: RedisClient;
  readonly #waitingMax: number;
  readonly #lineKeys: () => readonly string[];
  #warnings: readonly string[] = [];
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /** @param lineKeys a key of each line that there is by now */
  constructor(redis: RedisClient, waitingMax: number, lineKeys: () => readonly string[]) {
    this.#redis = redis;
    this.#waitingMax = waitingMax;
    this.#lineKeys = lineKeys;
  }

  /** The result of the last check. If that is some seconds old, a new check starts. */
  get warnings(): readonly string[] {
    if (performance.now() - this.#lookedAtMs > lookAgainMs) void this.look();
    return this.#warnings;
  }

  /** While Redis gives no answer, the last result stays. */
  async look(): Promise<void> {
    this.#lookedAtMs = performance.now();
    const looked = redisWarnings(this.#redis, this.#waitingMax, this.#lineKeys());
    this.#warnings = await looked.catch(() => this.#warnings);
  }
}

/** @param info the answer of INFO @param lines that this Redis has */
export function warningsOf(info: string, waitingMax: number, lines = 1): string[] {
  const value = (name: string): string | undefined =>
    new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const warnings: string[] = [];
  const policy = value('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    warnings.push(
      `Redis may evict places (maxmemory-policy ${policy}). Then it admits too many buyers: set noeviction`,
    );
  }
  if (value('role') === 'slave') warnings.push('Redis is a read-only replica');
  const memory = Number(value('maxmemory') ?? 0);
  const needed = queueBytes(waitingMax, lines);
  if (memory > 0 && memory < needed) {
    const mb = (bytes: number) => Math.ceil(bytes / 1024 / 1024);
    warnings.push(
      `Redis has ${mb(memory)} MB (maxmemory), and QUEUE_WAITING_MAX ${waitingMax} ` +
        `${lines > 1 ? `in each of ${lines} lines ` : ''}needs ${mb(needed)} MB: ` +
        'newcomers are refused as queue-full before that many wait',
    );
  }
  return warnings;
}
