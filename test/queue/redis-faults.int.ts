import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import type { RedisClient } from '../../src/infrastructure/redis.ts';
import { QueueJournal } from '../../src/processes/queue-journal.ts';
import { notSteered } from '../../src/queue/queue-control.ts';
import { RedisQueue } from '../../src/queue/redis-queue.ts';

import { QueueFull } from '../../src/queue/waiting-queue.ts';
import { QueueUnavailable } from '../../src/shared-state/queue-unavailable.ts';
import { eventually } from '../support/eventually.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';
import { type Program, startRedisServer } from '../support/programs.ts';
import { inOrderOf, lotOf } from './support/lot-contract.ts';
import { openRedis, removeKeys, uniqueName } from './support/redis.ts';
import { type RedisProxy, startRedisProxy } from './support/redis-proxy.ts';
import { TestClock, testSettings } from './support/times.ts';

describe('waiting queue, a Redis that fails', () => {
  let server: Program | undefined;
  let proxy: RedisProxy;
  let redis: RedisClient;
  let queue: RedisQueue;

  before(async function () {
    this.timeout(60_000);
    server = await startRedisServer();
    if (server === undefined) {
      console.log('      skipped: there is no redis-server');
      return this.skip();
    }
    proxy = await startRedisProxy(server.url);
    redis = await openRedis(proxy.url);
    queue = new RedisQueue(redis, testSettings, { name: uniqueName() });
  });
  after(async () => {
    await queue?.close();
    await proxy?.close();
    await server?.stop();
  });

  it('a master that became a replica is not reachable, and is left for whom its address leads to', async () => {
    const direct = new Redis((server as Program).url);
    try {
      await queue.poll('a');
      await direct.replicaof('127.0.0.1', 9);
      expect(await queue.reachable(500), 'of a replica').to.equal(false);
      const ids = new Set<string>();
      await eventually('it connects anew', async () => {
        ids.add(String(await redis.call('CLIENT', 'ID').catch(() => '')));
        await queue.reachable(500);
        return ids.size > 2;
      });
      await direct.replicaof('NO', 'ONE');
      const promotedMs = performance.now();
      // As buyers do: nobody but them asks.
      await eventually('it serves buyers', async () => {
        const entry = await queue.poll('a').catch(() => undefined);
        return entry !== undefined;
      });
      const tookMs = performance.now() - promotedMs;
      console.log(`      buyers are served ${tookMs.toFixed(0)} ms after it is a primary again`);
      expect(tookMs).to.be.lessThan(5_000);
      expect(await queue.reachable(500)).to.equal(true);
      expect(await queue.poll('a')).to.include({ userId: 'a' });
    } finally {
      direct.disconnect();
    }
  });

  it('gets one call of each newcomer, and those of one moment together', async () => {
    const direct = new Redis((server as Program).url);
    const name = uniqueName();
    const own = new RedisQueue(redis, { ...testSettings, waitingMax: 1_000 }, { name });
    const users = (round: string) => Array.from({ length: 100 }, (_, n) => `${round}-${n}`);
    const counted = async () => {
      const info = await direct.info('all');
      const scripts = /cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1] ?? 0;
      return [Number(/total_reads_processed:(\d+)/.exec(info)?.[1]), Number(scripts)] as const;
    };
    try {
      await own.poll('first');
      const before = await counted();
      await Promise.all(users('together').map((user) => own.poll(user)));
      const together = await counted();
      for (const user of users('alone')) await own.poll(user);
      const alone = await counted();
      expect(together[1] - before[1]).to.equal(100);
      expect(together[0] - before[0], 'reads of 100 calls').to.be.at.most(20);
      expect(alone[0] - together[0], 'one after another (negative control)').to.be.at.least(100);
    } finally {
      await removeKeys(direct, name);
      direct.disconnect();
    }
  });

  it('full, refuses newcomers, and serves those who wait or are inside until it drains', async () => {
    const direct = new Redis((server as Program).url);
    const name = uniqueName();
    const clock = new TestClock();
    const full = new RedisQueue(redis, testSettings, { name, now: clock.now });
    try {
      const { token } = await full.poll('inside');
      await full.poll('inside-too');
      await full.poll('waiting');
      await direct.config('SET', 'maxmemory', '1');
      const refusal = await full.poll('newcomer').catch((error: unknown) => error);
      expect(refusal).to.be.instanceOf(QueueFull);
      expect(await full.authorize('inside', token)).to.equal('admitted');
      await full.renew('inside', 60_000);
      await full.shorten('inside');
      clock.ms += testSettings.afterPaymentMs;
      expect(await full.authorize('inside', token)).to.equal('holding');
      expect(await full.poll('waiting')).to.deep.include({ processing: true });
      expect(await full.poll('waiting'), 'claimed').to.deep.include({ processing: true });
      const again = await full.poll('inside').catch((error: unknown) => error);
      expect(again, 'who has no place is a newcomer').to.be.instanceOf(QueueFull);
    } finally {
      await direct.config('SET', 'maxmemory', '0');
      direct.disconnect();
    }
    expect(await full.poll('newcomer')).to.deep.include({ processing: false });
  });

  it('any of its keys lost while 90 users poll: everybody gets in, and never more than 30 at once', async () => {
    for (const key of ['present', 'ends', 'waiting', 'admitted', 'places', 'counters']) {
      const name = uniqueName();
      const clock = new TestClock();
      const settings = { ...testSettings, admittedMax: 30, claimMs: 4_000, admittedMs: 4_000 };
      const some = new RedisQueue(redis, settings, { name, now: clock.now });
      const users = Array.from({ length: 90 }, (_, n) => `u-${n}`);
      const done = new Set<string>();
      for (let second = 0; done.size < users.length; second += 1) {
        if (second === 6) expect(await redis.del(`{${name}}:${key}`), key).to.equal(1);
        expect(second, `${key}: nobody is stuck`).to.be.at.most(30);
        const entries = await Promise.all(
          users.filter((user) => !done.has(user)).map((user) => some.poll(user)),
        );
        for (const { userId, token, processing } of entries) {
          if (!processing) continue;
          expect(await some.authorize(userId, token), key).to.equal('admitted');
          done.add(userId);
        }
        expect(await redis.zcard(`{${name}}:admitted`), key).to.be.at.most(30);
        clock.ms += 1_000;
      }
      await removeKeys(redis, name);
    }
  });

  it('emptied, is rebuilt from the log in the order of the line before it admits anybody', async () => {
    const store = new MemoryEventStore();
    const journal = new QueueJournal(store, Date.now, (_, error) => expect.fail(String(error)));
    const name = uniqueName();
    const clock = new TestClock();
    const options = { name, now: clock.now, chance: () => 0, journal };
    const kept = new RedisQueue(redis, testSettings, options);
    const other = new RedisQueue(redis, testSettings, options);
    await kept.rebuild();
    for (const user of ['a', 'b', 'c', 'd', 'e']) await kept.poll(user);
    await kept.poll('a');
    await removeKeys(redis, name);
    const refusals = await Promise.allSettled([kept.poll('newcomer'), other.poll('e')]);
    for (const refusal of refusals) {
      expect(refusal).to.have.property('reason').instanceOf(QueueUnavailable);
    }
    await eventually('it is rebuilt', () =>
      kept.poll('newcomer').then(
        ({ processing }) => !processing,
        () => false,
      ),
    );
    expect((await other.poll('e')).ahead).to.equal(0);
    expect((await kept.poll('c')).ahead).to.equal(0);
    expect((await other.poll('e')).ahead).to.equal(1);
    expect((await kept.poll('newcomer')).ahead).to.equal(2);
    expect((await kept.poll('a')).processing, 'inside').to.equal(true);
    await journal.flush();
    await removeKeys(redis, name);
  });

  it('emptied between the draw and the opening, has the same order, through an instance that has not heard of the draw', async () => {
    const store = new MemoryEventStore();
    const name = uniqueName();
    const clock = new TestClock();
    const journal = new QueueJournal(store, Date.now, (_, error) => expect.fail(String(error)));
    const settings = { ...testSettings, admittedMax: 5, waitingMs: 10_000_000 };
    const options = { name, now: clock.now, chance: () => 0, journal };
    const one = new RedisQueue(redis, settings, options);
    const other = new RedisQueue(redis, settings, options);
    await one.rebuild();
    const lot = lotOf(clock.ms, 1_000, 'ab'.repeat(32));
    const users = Array.from({ length: 12 }, (_, n) => `u-${n}`);
    for (const queue of [one, other]) {
      queue.steer({ ...notSteered, revision: 0, lot: { ...lot, seed: '' } });
    }
    for (const user of users) await one.poll(user);
    one.steer({ ...notSteered, revision: 1, lot });
    for (const user of users.slice(0, 6)) await one.poll(user);
    await removeKeys(redis, name);
    const isRebuilt = () =>
      one.poll('u-0').then(
        () => true,
        () => false,
      );
    await eventually('it is rebuilt', isRebuilt);
    clock.ms = lot.opensAtMs - 1;
    for (const user of users) await one.poll(user);
    clock.ms += 1;
    const line = inOrderOf(lot, users);
    for (const [at, user] of [...line.entries()].reverse()) {
      expect((await other.poll(user)).processing, user).to.equal(at < 5);
    }
    await journal.flush();
    await removeKeys(redis, name);
  });

  it('emptied of one room, is rebuilt for this room from its own streams, and serves the others', async () => {
    const store = new MemoryEventStore();
    const name = uniqueName();
    const clock = new TestClock();
    const journals: QueueJournal[] = [];
    const open = (room: string) => {
      const onLost = (_: number, error: unknown) => expect.fail(String(error));
      const journal = new QueueJournal(store, Date.now, onLost, room);
      journals.push(journal);
      return new RedisQueue(redis, testSettings, {
        ...{ name, room, now: clock.now, chance: () => 0, journal },
      });
    };
    const [gala, tour] = [open('gala'), open('tour')];
    await Promise.all([gala.rebuild(), tour.rebuild()]);
    for (const user of ['a', 'b', 'c', 'd']) await gala.poll(user);
    for (const user of ['d', 'c', 'b', 'a']) await tour.poll(user);
    await removeKeys(redis, name, 'gala');
    expect((await tour.poll('a')).ahead, 'the other room').to.equal(1);
    const isRebuilt = () =>
      gala.poll('d').then(
        ({ processing }) => !processing,
        () => false,
      );
    await eventually('it is rebuilt', isRebuilt);
    expect((await gala.poll('c')).ahead).to.equal(0);
    expect((await gala.poll('d')).ahead, 'in the order of its own line').to.equal(1);
    expect((await tour.poll('b')).ahead).to.equal(0);
    await Promise.all(journals.map((journal) => journal.flush()));
    const streams = new Set(store.log.map(({ stream }) => stream.slice(24)));
    expect([...streams].sort()).to.deep.equal(['-gala', '-tour']);
    await Promise.all([removeKeys(redis, name, 'gala'), removeKeys(redis, name, 'tour')]);
  });

  it('is reachable while it takes no more: who is in can go on', async () => {
    const direct = new Redis((server as Program).url);
    try {
      await direct.config('SET', 'maxmemory', '1');
      expect(await queue.reachable(500)).to.equal(true);
    } finally {
      await direct.config('SET', 'maxmemory', '0');
      direct.disconnect();
    }
  });

  it('one cut is one cut: the next connection is not cut for what the last one lacked', async () => {
    await eventually('reachable', () => queue.reachable(500));
    proxy.silence();
    const waiting = queue.reachable(50);
    await sleep(100);
    await proxy.down();
    await waiting;
    await proxy.up();
    await eventually('it is reachable again', () => queue.reachable(500));
    let closed = 0;
    redis.on('close', () => {
      closed += 1;
    });
    const endMs = performance.now() + 2_500;
    while (performance.now() < endMs) {
      await queue.reachable(500);
      await sleep(20);
    }
    expect(closed).to.equal(0);
  });
});
