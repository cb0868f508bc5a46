import { expect } from 'chai';
import type { RedisClient } from '../../src/infrastructure/redis.ts';
import { QueueUnavailable } from '../../src/shared-state/queue-unavailable.ts';
import { RedisHoldLimit } from '../../src/shared-state/redis-hold-limit.ts';
import { openRedis, uniqueName } from '../queue/support/redis.ts';
import { type RedisProxy, startRedisProxy } from '../queue/support/redis-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { testRedisUrl } from '../support/servers.ts';
import { fairUseContract } from './support/fair-use-contract.ts';
import { holdLimitContract } from './support/hold-limit-contract.ts';
import { holdLimitProperties } from './support/hold-limit-properties.ts';
import type { OpenHoldLimit } from './support/hold-limit-setting.ts';

const redisUrl = testRedisUrl ?? '';
const skipped = testRedisUrl === undefined;
const title = skipped ? 'Redis (skipped: REDIS_URL is not set)' : 'Redis';

const holder = { userId: 'u', sessionId: 's' };
const keysOf = (name: string): string[] => ['u', 'v'].map((user) => `${name}:{${user}}`);
const removeKeys = async (redis: RedisClient, name: string): Promise<void> => {
  for (const key of keysOf(name)) await redis.del(key);
};

const openOn =
  (client: () => RedisClient): OpenHoldLimit =>
  async (rules, now) => {
    const redis = client();
    const name = uniqueName();
    const limit = new RedisHoldLimit(redis, rules, { name, now });
    return { limit, close: () => removeKeys(redis, name) };
  };

describe(`limit of held seats on ${title}`, () => {
  let redis: RedisClient;
  before(async function () {
    if (skipped) return this.skip();
    redis = await openRedis(redisUrl);
  });
  after(() => redis?.disconnect());
  const open = skipped ? undefined : openOn(() => redis);

  holdLimitContract(title, open);
  fairUseContract(title, open);
  holdLimitProperties(title, open, 100);

  it('is one limit for all instances: 50 takes at once through four of them', async () => {
    const name = uniqueName();
    const clients = await Promise.all(Array.from({ length: 4 }, () => openRedis(redisUrl)));
    try {
      const limits = clients.map((client) => new RedisHoldLimit(client, 8, { name }));
      const untilMs = Date.now() + 60_000;
      const takes = Array.from({ length: 50 }, (_, n) =>
        (limits[n % 4] as RedisHoldLimit).take(holder, {
          id: `${n}`,
          seatIds: [`A-1-${n}`],
          untilMs,
        }),
      );
      expect((await Promise.all(takes)).filter((counts) => counts === true)).to.have.lengthOf(8);
    } finally {
      await removeKeys(redis, name);
      for (const client of clients) client.disconnect();
    }
  });

  it('leaves no key behind: it goes with its last claim, withdrawn or over', async () => {
    const name = uniqueName();
    const [key = ''] = keysOf(name);
    const limit = new RedisHoldLimit(redis, 4, { name });
    const claim = { id: 'c', seatIds: ['A-1-1'], untilMs: Date.now() + 60_000 };
    await limit.take(holder, claim);
    expect(await redis.pttl(key)).to.be.within(50_000, 60_500);
    await limit.withdraw(holder, claim);
    expect(await redis.exists(key)).to.equal(0);
    await limit.take(holder, { id: 'd', seatIds: ['A-1-1'], untilMs: Date.now() + 1_000 });
    await limit.take(holder, { id: 'e', seatIds: ['A-1-2'], untilMs: Date.now() + 500 });
    expect(await redis.pttl(key), 'as long as the last').to.be.greaterThan(500);
    await eventually('Redis removed the key', async () => (await redis.exists(key)) === 0);
  });
});

describe(`limit of held seats, ${title}, when Redis is away`, () => {
  const name = uniqueName();
  let proxy: RedisProxy;
  let redis: RedisClient;
  let limit: RedisHoldLimit;

  before(async function () {
    if (skipped) return this.skip();
    proxy = await startRedisProxy(redisUrl);
    redis = await openRedis(proxy.url);
    limit = new RedisHoldLimit(redis, 4, { name });
  });
  after(async () => {
    if (redis?.status === 'ready') await removeKeys(redis, name);
    redis?.disconnect();
    await proxy?.close();
  });

  const outages: [string, () => void | Promise<void>][] = [
    ['silent', () => proxy.silence()],
    ['down', () => proxy.down()],
  ];
  for (const [state, begin] of outages) {
    it(`says so within a second when it is ${state}, and recovers by itself`, async () => {
      const claim = { id: state, seatIds: ['A-1-1'], untilMs: Date.now() + 60_000 };
      await limit.take(holder, claim);
      await begin();
      const started = performance.now();
      const calls = [
        limit.take(holder, claim),
        limit.withdraw(holder, claim),
        limit.end(holder, claim.seatIds, claim.untilMs, 'paid'),
      ];
      for (const outcome of await Promise.allSettled(calls)) {
        expect(outcome).to.have.property('status', 'rejected');
        expect(outcome).to.have.property('reason').instanceOf(QueueUnavailable);
      }
      expect(performance.now() - started).to.be.lessThan(3_000);
      await proxy.up();
      await eventually('the limit answers again', () => limit.take(holder, claim));
    });
  }
});
