import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connectRedis, type RedisClient } from '../../../src/infrastructure/redis.ts';
import { RedisQueue } from '../../../src/queue/redis-queue.ts';
import type { OpenQueue } from './times.ts';

export const uniqueName = (): string => `reprise-test-${randomBytes(6).toString('hex')}`;

/** A client of its own, connected. */
export async function openRedis(url: string): Promise<RedisClient> {
  const redis = connectRedis(url, () => {});
  await once(redis, 'ready', { signal: AbortSignal.timeout(5_000) });
  return redis;
}

/** Removes what a queue of that name keeps. */
export async function removeKeys(redis: RedisClient, name: string): Promise<void> {
  const keys = ['present', 'ends', 'waiting', 'admitted', 'places', 'counters'];
  await redis.del(...keys.map((key) => `{${name}}:${key}`));
}

export function openOnRedis(url: string): OpenQueue {
  return async (settings, now) => {
    const name = uniqueName();
    const redis = await openRedis(url);
    const queue = new RedisQueue(redis, settings, { name, now, chance: () => 0 });
    return {
      queue,
      async close() {
        await removeKeys(redis, name);
        await queue.close();
      },
    };
  };
}
