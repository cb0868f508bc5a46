import { expect } from 'chai';
import type { RedisClient } from '../../src/infrastructure/redis.ts';
import { RedisOwnPositions } from '../../src/shared-state/redis-own-positions.ts';
import { openRedis, uniqueName } from '../queue/support/redis.ts';
import { startRedisProxy } from '../queue/support/redis-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { testRedisUrl } from '../support/servers.ts';

describe('own positions in Redis', function () {
  this.timeout(20_000);
  let url: string;
  let redis: RedisClient;
  let name: string;
  before(function () {
    if (testRedisUrl === undefined) return this.skip();
    url = testRedisUrl;
  });
  beforeEach(async () => {
    redis = await openRedis(url);
    name = uniqueName();
  });
  afterEach(async () => {
    await empty();
    redis.disconnect();
  });

  const keys = () => ['of:a', 'of:b', 'missed', 'since'].map((key) => `{${name}}:${key}`);
  const empty = () => redis.del(...keys());
  const instance = (client = redis, keptMs = 60_000) =>
    new RedisOwnPositions(client, { name, keptMs });
  /** Redis has been whole for longer than positions are kept. */
  const longWhole = () => redis.set(`{${name}}:since`, '1');

  it('are known to every instance, the newest counts, also above 2^53', async () => {
    const [one, two] = [instance(), instance()];
    const big = 2n ** 60n;
    for (const position of [9n, 10n, big + 1n, big, 99n]) await one.note('a', position);
    expect(await two.of('a')).to.equal(big + 1n);
  });

  it('are kept for their time, then there is none', async () => {
    await longWhole();
    const own = instance(redis, 50);
    await own.note('a', 5n);
    expect(await own.of('b')).to.equal(undefined);
    await eventually('it is forgotten', async () => (await own.of('a')) === undefined);
  });

  it('who has none is unknown after Redis was emptied, until it was whole for that time', async () => {
    const own = instance(redis, 200);
    expect(await own.of('a')).to.equal('unknown');
    await own.note('b', 7n);
    expect([await own.of('a'), await own.of('b')]).to.deep.equal(['unknown', 7n]);
    await eventually('it was whole long enough', async () => (await own.of('a')) === undefined);
    await empty();
    expect(await own.of('b')).to.equal('unknown');
  });

  it('everybody is unknown everywhere after a position could not be noted', async () => {
    await longWhole();
    const proxy = await startRedisProxy(url);
    const client = await openRedis(proxy.url);
    try {
      const [cut, other] = [instance(client, 500), instance(redis, 500)];
      await cut.note('a', 5n);
      await proxy.down();
      const failed = await cut.note('a', 6n).then(
        () => 'noted',
        ({ name: what }) => what,
      );
      expect(failed).to.equal('QueueUnavailable');
      expect(await cut.of('a')).to.equal('unknown');
      await proxy.up();
      await eventually('it is back and has told', async () => {
        await cut.note('b', 1n).catch(() => {});
        return (await other.of('a')) === 'unknown';
      });
      await eventually('time heals it', async () => (await other.of('a')) !== 'unknown');
    } finally {
      client.disconnect();
      await proxy.close();
    }
  });

  it('a silent Redis is not waited for', async () => {
    const proxy = await startRedisProxy(url);
    const client = await openRedis(proxy.url);
    try {
      const own = instance(client);
      proxy.silence();
      const from = performance.now();
      expect(await own.of('a')).to.equal('unknown');
      expect(performance.now() - from).to.be.within(250, 5_000);
    } finally {
      client.disconnect();
      await proxy.close();
    }
  });
});
