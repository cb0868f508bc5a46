import { expect } from 'chai';
import type { RedisClient } from '../../src/infrastructure/redis.ts';
import { notSteered } from '../../src/queue/queue-control.ts';
import { RedisQueue } from '../../src/queue/redis-queue.ts';

import { QueueUnavailable } from '../../src/shared-state/queue-unavailable.ts';
import { eventually } from '../support/eventually.ts';
import { testRedisUrl } from '../support/servers.ts';
import { freedPlaces } from './support/freed-places.ts';
import { lotContract } from './support/lot-contract.ts';
import { queueContract } from './support/queue-contract.ts';
import { queueProperties } from './support/queue-properties.ts';
import {
  openOnRedis,
  openRedis,
  openRoomsOnRedis,
  removeKeys,
  uniqueName,
} from './support/redis.ts';
import { type RedisProxy, startRedisProxy } from './support/redis-proxy.ts';
import { roomsContract } from './support/rooms-contract.ts';
import { testSettings } from './support/times.ts';

const redisUrl = testRedisUrl ?? '';
const skipped = testRedisUrl === undefined;
const title = skipped ? 'Redis (skipped: REDIS_URL is not set)' : 'Redis';
const open = skipped ? undefined : openOnRedis(redisUrl);

queueContract(title, open);
queueProperties(title, open, 200);
freedPlaces(title, (chance) => openOnRedis(redisUrl, chance), skipped);
lotContract(title, open, 40);
roomsContract(title, skipped ? undefined : openRoomsOnRedis(redisUrl), 60);

describe(`waiting queue, ${title}, as instances share it`, () => {
  const name = uniqueName();
  const clients: RedisClient[] = [];
  const settings = { ...testSettings, admittedMax: 30, waitingMax: 2_000 };
  const users = Array.from({ length: 1_000 }, (_, n) => `u-${n}`);
  let queues: RedisQueue[] = [];

  before(async function () {
    if (skipped) this.skip();
    for (let n = 0; n < 4; n += 1) clients.push(await openRedis(redisUrl));
    queues = clients.map((client) => new RedisQueue(client, settings, { name }));
  });

  after(async () => {
    if (clients[0] !== undefined) await removeKeys(clients[0], name);
    await Promise.all(queues.map((queue) => queue.close()));
  });

  it('never admits more than admittedMax while 1,000 users poll through four of them', async () => {
    const polls = users.map((user, n) => (queues[n % 4] as RedisQueue).poll(user));
    const admitted = (await Promise.all(polls)).filter((place) => place.processing);
    expect(admitted).to.have.lengthOf(30);
    const [place] = admitted;
    expect(place?.expiresAt).to.be.within(Date.now(), Date.now() + settings.admittedMs + 5_000);
    for (const queue of queues) {
      const { userId, token } = place as { userId: string; token: string };
      expect(await queue.authorize(userId, token)).to.equal('admitted');
    }
  });

  it('would exceed it if a poll were two steps (negative control)', async () => {
    const key = `{${name}}:control`;
    const poll = async (redis: RedisClient, user: string): Promise<boolean> => {
      if ((await redis.zcard(key)) >= settings.admittedMax) return false;
      await redis.zadd(key, 0, user);
      return true;
    };
    const polls = users.map((user, n) => poll(clients[n % 4] as RedisClient, user));
    const admitted = (await Promise.all(polls)).filter((processing) => processing);
    await clients[0]?.del(key);
    expect(admitted.length).to.be.greaterThan(settings.admittedMax);
  });

  it('makes buyers enrol again when Redis was emptied', async () => {
    const [queue] = queues as [RedisQueue];
    const { token } = await queue.poll('u-0');
    await removeKeys(clients[0] as RedisClient, name);
    expect(await queue.authorize('u-0', token)).to.equal('unknown');
    const again = await queue.poll('u-0');
    expect(again.processing).to.equal(true);
    expect(again.token).not.to.equal(token);
  });

  it('keeps its own settings, which are written into its scripts, beside another on its client', async () => {
    const client = await openRedis(redisUrl);
    const [name, otherName] = [uniqueName(), uniqueName()];
    const own = new RedisQueue(client, { ...settings, waitingMs: 60_000 }, { name });
    const other = new RedisQueue(client, { ...settings, admittedMax: 0 }, { name: otherName });
    try {
      const [user] = users as [string];
      expect(await own.poll(user)).to.have.property('processing', true);
      expect(await other.poll(user)).to.have.property('processing', false);
      own.steer({ ...notSteered, revision: 0, paused: true });
      const { expiresAt, retryAfterMs = 0 } = await own.poll('u-later');
      const leftMs = expiresAt - Date.now() - retryAfterMs;
      expect(leftMs, 'until its place ends').to.be.within(55_000, 65_000);
    } finally {
      await Promise.all([removeKeys(client, name), removeKeys(client, otherName)]);
      await own.close();
    }
  });

  it('loads its scripts again when Redis forgot them', async () => {
    const [queue] = queues as [RedisQueue];
    await queue.poll('u-1');
    await clients[0]?.script('FLUSH');
    expect(await queue.poll('u-1')).to.have.property('userId', 'u-1');
  });
});

describe(`waiting queue, ${title}, when Redis is away`, () => {
  const name = uniqueName();
  let proxy: RedisProxy;
  let redis: RedisClient | undefined;
  let queue: RedisQueue;

  before(async function () {
    if (skipped) this.skip();
    proxy = await startRedisProxy(redisUrl);
    redis = await openRedis(proxy.url);
    queue = new RedisQueue(redis, testSettings, { name });
  });

  after(async () => {
    if (redis?.status === 'ready') await removeKeys(redis, name);
    await queue?.close();
    await proxy?.close();
  });

  const outages: [string, () => void | Promise<void>][] = [
    ['silent', () => proxy.silence()],
    ['down', () => proxy.down()],
  ];
  for (const [state, begin] of outages) {
    it(`says so within a second when it is ${state}, and recovers by itself`, async () => {
      const { token } = await queue.poll('a');
      await begin();
      const started = performance.now();
      const calls = [queue.poll('a'), queue.authorize('a', token), queue.shorten('a')];
      for (const outcome of await Promise.allSettled(calls)) {
        expect(outcome).to.have.property('status', 'rejected');
        expect(outcome).to.have.property('reason').instanceOf(QueueUnavailable);
      }
      expect(await queue.reachable(300)).to.equal(false);
      expect(performance.now() - started).to.be.lessThan(3_000);
      await proxy.up();
      await eventually('the queue answers again', () => queue.reachable(500));
      expect(await queue.poll('a')).to.deep.include({ processing: true, token });
    });
  }

  it('leaves a connection that hangs for good, and recovers on another', async () => {
    const { token } = await queue.poll('a');
    proxy.strand();
    expect(await queue.reachable(300)).to.equal(false);
    await eventually('the queue answers again', () => queue.reachable(300));
    expect(await queue.poll('a')).to.deep.include({ processing: true, token });
  });

  it('keeps nothing for later: calls made while it is down are not made afterwards', async () => {
    await proxy.down();
    await Promise.allSettled(Array.from({ length: 500 }, (_, n) => queue.poll(`ghost-${n}`)));
    await proxy.up();
    await eventually('the queue answers again', () => queue.reachable(500));
    expect(await redis?.zcard(`{${name}}:waiting`)).to.equal(0);
  });
});
