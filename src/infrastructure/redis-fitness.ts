import { Cluster } from 'ioredis';
import type { RedisClient } from './redis.ts';

/** Bytes of a waiting place in Redis: 346 were measured, with ids of ten characters. */
const placeBytes = 450;
/** Memory that Redis needs in addition to the places, in bytes. */
const otherBytes = 32 * 1024 * 1024;

/** Bytes that Redis needs while so many wait. */
export const queueBytes = (waitingMax: number): number => waitingMax * placeBytes + otherBytes;

/**
 * What of a Redis does not suit the waiting queue, one sentence each; none when it is as it should
 * be. Of a cluster every master is asked.
 * @throws Error when it gives no answer
 */
export async function redisWarnings(redis: RedisClient, waitingMax: number): Promise<string[]> {
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis];
  const all = await Promise.all(
    nodes.map(async (node) => warningsOf(await node.info(), waitingMax)),
  );
  return [...new Set(all.flat())];
}

/** Between two looks while somebody asks, in milliseconds. */
const lookAgainMs = 5_000;

/** Looks at a Redis now and then, when somebody asks: it may have been reconfigured. */
export class RedisWatch {
  readonly #redis: RedisClient;
  readonly #waitingMax: number;
  #warnings: readonly string[] = [];
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(redis: RedisClient, waitingMax: number) {
    this.#redis = redis;
    this.#waitingMax = waitingMax;
  }

  /** As known at the last look; a new one is begun when that was some seconds ago. */
  get warnings(): readonly string[] {
    if (performance.now() - this.#lookedAtMs > lookAgainMs) void this.look();
    return this.#warnings;
  }

  /** What it said last stays while it gives no answer. */
  async look(): Promise<void> {
    this.#lookedAtMs = performance.now();
    this.#warnings = await redisWarnings(this.#redis, this.#waitingMax).catch(() => this.#warnings);
  }
}

/** @param info what INFO says */
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
