import { Cluster } from 'ioredis';
import type { RedisClient } from './redis.ts';

/** Bytes of a waiting place in Redis. We measured 346, with ids of ten characters. */
const placeBytes = 450;
/** Memory that Redis needs in addition to the places, in bytes. */
const otherBytes = 32 * 1024 * 1024;

/** Bytes that Redis needs for this number of waiting users. */
export const queueBytes = (waitingMax: number): number => waitingMax * placeBytes + otherBytes;

/**
 * Settings of a Redis that do not fit the waiting queue, one sentence each; empty if all are right.
 * In a cluster, it checks every master.
 * @throws Error if Redis gives no answer
 */
export async function redisWarnings(redis: RedisClient, waitingMax: number): Promise<string[]> {
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis];
  const all = await Promise.all(
    nodes.map(async (node) => warningsOf(await node.info(), waitingMax)),
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
  #warnings: readonly string[] = [];
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(redis: RedisClient, waitingMax: number) {
    this.#redis = redis;
    this.#waitingMax = waitingMax;
  }

  /** The result of the last check. If that is some seconds old, a new check starts. */
  get warnings(): readonly string[] {
    if (performance.now() - this.#lookedAtMs > lookAgainMs) void this.look();
    return this.#warnings;
  }

  /** While Redis gives no answer, the last result stays. */
  async look(): Promise<void> {
    this.#lookedAtMs = performance.now();
    this.#warnings = await redisWarnings(this.#redis, this.#waitingMax).catch(() => this.#warnings);
  }
}

/** @param info the answer of INFO */
export function warningsOf(info: string, waitingMax: number): string[] {
  const value = (name: string): string | undefined =>
    new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const warnings: string[] = [];
  const policy = value('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    warnings.push(
      `Redis may evict places (maxmemory-policy ${policy}), which lets too many in: set noeviction`,
    );
  }
  if (value('role') === 'slave') warnings.push('Redis is a read-only replica');
  const memory = Number(value('maxmemory') ?? 0);
  const needed = queueBytes(waitingMax);
  if (memory > 0 && memory < needed) {
    const mb = (bytes: number) => Math.ceil(bytes / 1024 / 1024);
    warnings.push(
      `Redis has ${mb(memory)} MB (maxmemory), and QUEUE_WAITING_MAX ${waitingMax} needs ${mb(needed)} MB: ` +
        'newcomers are refused as queue-full before that many wait',
    );
  }
  return warnings;
}
