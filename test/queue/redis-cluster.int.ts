import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { type Cluster, Redis } from 'ioredis';
import type { RedisClient } from '../../src/infrastructure/redis.ts';
import { queueBytes, redisWarnings } from '../../src/infrastructure/redis-fitness.ts';
import { RedisQueue } from '../../src/queue/redis-queue.ts';
import { queueTag } from '../../src/queue/redis-scripts.ts';
import { RedisHoldLimit } from '../../src/shared-state/redis-hold-limit.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';

import { lotContract } from './support/lot-contract.ts';
import { queueContract } from './support/queue-contract.ts';
import { queueProperties } from './support/queue-properties.ts';
import { openOnRedis, openRedis, openRoomsOnRedis, uniqueName } from './support/redis.ts';
import { roomsContract } from './support/rooms-contract.ts';
import { type OpenQueue, testSettings } from './support/times.ts';

/** Longest time in which two nodes become a cluster, and how often it is tried. */
const startTimeoutMs = 15_000;
const startAttempts = 3;

const nodeCount = 3;
const slotCount = 16_384;

const found = spawnSync('redis-server', ['--version']).status === 0;

const title = `Redis Cluster${found ? '' : ' (skipped: no redis-server here)'}`;

/** Three masters that share the slots: keys that did not hash together would be refused. */
describe(`three nodes, ${title}`, () => {
  let cluster: Nodes | undefined;
  const opened: RedisClient[] = [];
  before(async function () {
    if (!found) return;
    this.timeout(startTimeoutMs * startAttempts);
    cluster = await startCluster();
  });
  after(() => {
    for (const redis of opened) redis.disconnect();
    return cluster?.stop();
  });

  const url = (): string => `redis+cluster://127.0.0.1:${(cluster as Nodes).port}`;
  const open: OpenQueue = (settings, now) => openOnRedis(url())(settings, now);

  queueContract(title, found ? open : undefined);
  queueProperties(title, found ? open : undefined, 50);
  lotContract(title, found ? open : undefined, 15);
  roomsContract(
    title,
    found ? (settings, now) => openRoomsOnRedis(url())(settings, now) : undefined,
    20,
  );

  it('need memory for the lines that each of them has', async function () {
    if (!found) return this.skip();
    const redis = (await openRedis(url())) as Cluster;
    opened.push(redis);
    const setMemory = (bytes: number) =>
      Promise.all(redis.nodes('master').map((node) => node.config('SET', 'maxmemory', bytes)));
    const waitingMax = 1_000_000;
    // One node has two lines at least.
    const keys = ['', 'a', 'b', 'c'].map((room) => `${queueTag(room)}:waiting`);
    try {
      await setMemory(queueBytes(waitingMax));
      expect(await redisWarnings(redis, waitingMax, keys.slice(0, 1))).to.be.empty;
      const told = (await redisWarnings(redis, waitingMax, keys)).join();
      expect(told).to.match(/QUEUE_WAITING_MAX 1000000 in each of [234] lines needs/);
      await setMemory(queueBytes(waitingMax, keys.length));
      expect(await redisWarnings(redis, waitingMax, keys)).to.be.empty;
    } finally {
      await setMemory(0);
    }
  });

  it('have the keys of a room in one slot, and rooms in different ones', async function () {
    if (!found) return this.skip();
    const redis = (await openRedis(url())) as Cluster;
    opened.push(redis);
    const name = uniqueName();
    const rooms = ['', ...Array.from({ length: 20 }, (_, n) => `room-${n}`)];
    for (const room of rooms) {
      const queue = new RedisQueue(redis, testSettings, { name, room });
      const { token } = await queue.poll('a');
      await queue.renew('a', 1_000);
      expect(await queue.authorize('a', token)).to.equal('admitted');
    }
    const keys = (
      await Promise.all(redis.nodes('master').map((node) => node.keys(`*${name}*`)))
    ).flat();
    expect(keys.length).to.be.at.least(4 * rooms.length);
    const slots = new Map<string, Set<number>>();
    for (const key of keys) {
      const tag = /\{(.*)\}/.exec(key)?.[1] ?? '';
      const slot = (await redis.nodes('master')[0]?.cluster('KEYSLOT', key)) as number;
      slots.set(tag, (slots.get(tag) ?? new Set()).add(slot));
      await redis.del(key);
    }
    expect(slots).to.have.property('size', rooms.length);
    for (const [tag, ofRoom] of slots) expect(ofRoom, tag).to.have.property('size', 1);
    expect(new Set([...slots.values()].flatMap((one) => [...one])).size).to.be.greaterThan(15);
  });

  describe(`hold limit, ${title}`, () => {
    it('limits held seats, of buyers on every master', async function () {
      if (!found) return this.skip();
      const redis = await openRedis(url());
      const limit = new RedisHoldLimit(redis, 1, { name: uniqueName() });
      const untilMs = Date.now() + 60_000;
      const claim = (n: number) => ({ id: `${n}`, seatIds: [`A-1-${n}`], untilMs });
      for (let n = 0; n < 20; n++) {
        const holder = { userId: `u-${n}`, sessionId: 's' };
        expect(await limit.take(holder, claim(1))).to.equal(true);
        expect(await limit.take(holder, claim(2))).to.include({ rule: 'session', max: 1 });
        if (n % 2 === 0) await limit.withdraw(holder, claim(1));
        else await limit.end(holder, claim(1).seatIds, untilMs, 'paid');
        expect(await limit.take(holder, claim(2))).to.equal(true);
      }
      redis.disconnect();
    });
  });
});

interface Nodes {
  readonly port: number;
  stop(): Promise<void>;
}

/** Another program may take a port between its choice and its use: then again with others. */
async function startCluster(attempts = startAttempts): Promise<Nodes> {
  const dir = await mkdtemp(path.join(tmpdir(), 'reprise-cluster-'));
  const ports = await freePorts(2 * nodeCount);
  const nodes = Array.from({ length: nodeCount }, (_, n) => ({
    port: ports[2 * n] as number,
    busPort: ports[2 * n + 1] as number,
  }));
  const running = nodes.map((node) => startNode(dir, node));
  const stop = async () => {
    for (const node of running) {
      if (node.exitCode === null && node.kill('SIGKILL')) await once(node, 'exit');
    }
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await formCluster(nodes);
    return { port: (nodes[0] as Node).port, stop };
  } catch (error) {
    await stop();
    if (attempts <= 1) throw error;
    return startCluster(attempts - 1);
  }
}

interface Node {
  readonly port: number;
  /** By default Redis takes port + 10,000, which may be none. */
  readonly busPort: number;
}

function startNode(dir: string, { port, busPort }: Node): ChildProcess {
  const settings = {
    port: `${port}`,
    bind: '127.0.0.1',
    'cluster-enabled': 'yes',
    'cluster-config-file': `nodes-${port}.conf`,
    'cluster-port': `${busPort}`,
    dir,
    save: '',
    appendonly: 'no',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return spawn('redis-server', args, { stdio: 'ignore' });
}

async function formCluster(nodes: readonly Node[]): Promise<void> {
  const clients = nodes.map(({ port }) => new Redis(port, '127.0.0.1').on('error', () => {}));
  const [first] = nodes as [Node];
  try {
    const slotOf = (n: number) => Math.floor((n * slotCount) / nodes.length);
    for (const [n, client] of clients.entries()) {
      await client.cluster('ADDSLOTSRANGE', slotOf(n), slotOf(n + 1) - 1);
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', `${n + 1}`);
      if (n === 0) continue;
      await client.call('CLUSTER', 'MEET', '127.0.0.1', `${first.port}`, `${first.busPort}`);
    }
    await eventually(
      'the nodes are one cluster',
      async () => {
        const states = clients.map((client) => client.cluster('INFO') as Promise<string>);
        return (await Promise.all(states)).every(
          (state) =>
            state.includes('cluster_state:ok') && state.includes(`cluster_size:${nodes.length}`),
        );
      },
      startTimeoutMs,
    );
  } finally {
    for (const client of clients) client.disconnect();
  }
}
