import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connectRedis, type RedisClient } from '../../../src/infrastructure/redis.ts';
import { QueueRooms } from '../../../src/queue/queue-rooms.ts';
import { RedisQueue } from '../../../src/queue/redis-queue.ts';
import type { OpenQueue, OpenRooms } from './times.ts';

export const uniqueName = (): string => `reprise-test-${randomBytes(6).toString('hex')}`;

/** A client of its own, connected. */
export async function openRedis(url: string): Promise<RedisClient> {
  const redis = connectRedis(url, () => {});
  await once(redis, 'ready', { signal: AbortSignal.timeout(5_000) });
  return redis;
}

/** Removes what a queue of that name keeps, or a room of it. */
export async function removeKeys(redis: RedisClient, name: string, room = ''): Promise<void> {
  const keys = ['present', 'ends', 'waiting', 'admitted', 'places', 'counters'];
  const tag = room === '' ? name : `${name}:${room}`;
  await redis.del(...keys.map((key) => `{${tag}}:${key}`));
}

/** @param chance of its pauses. Default none */
export function openOnRedis(url: string, chance: () => number = () => 0): OpenQueue {
  return async (settings, now) => {
    const name = uniqueName();
    const redis = await openRedis(url);
    const queue = new RedisQueue(redis, settings, { name, now, chance });
    return {
      queue,
      async close() {
        await removeKeys(redis, name);
        await queue.close();
      },
    };
  };
}

export function openRoomsOnRedis(url: string): OpenRooms {
  return async (settings, now) => {
    const name = uniqueName();
    const redis = await openRedis(url);
    const options = { name, now, chance: () => 0 };
    const opened: string[] = [];
    const rooms = new QueueRooms((room) => {
      opened.push(room);
      return new RedisQueue(redis, settings, { room, ...options });
    });
    return {
      rooms,
      async close() {
        for (const room of opened) await removeKeys(redis, name, room);
        await rooms.close();
      },
    };
  };
}
