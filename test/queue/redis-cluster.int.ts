import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import type { RedisClient } from '../../src/infrastructure/redis.ts';
import { RedisQueue } from '../../src/queue/redis-queue.ts';
import { RedisHoldLimit } from '../../src/shared-state/redis-hold-limit.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { openRedis, uniqueName } from './support/redis.ts';
import { testSettings } from './support/times.ts';

/** Longest time in which two nodes become a cluster, and how often it is tried. */
const startTimeoutMs = 15_000;
const startAttempts = 3;

const found = spawnSync('redis-server', ['--version']).status === 0;

/** Two masters that share the slots: keys that did not hash together would be refused. */
describe(`waiting queue, Redis Cluster${found ? '' : ' (skipped: no redis-server here)'}`, () => {
  let cluster: Cluster | undefined;
  let redis: RedisClient;
  let queue: RedisQueue | undefined;

  before(async function () {
    if (!found) return this.skip();
    this.timeout(startTimeoutMs * startAttempts);
    cluster = await startCluster();
    redis = await openRedis(`redis+cluster://127.0.0.1:${cluster.port}`);
    queue = new RedisQueue(redis, testSettings, { name: uniqueName() });
  });

  after(async () => {
    await queue?.close();
    await cluster?.stop();
  });

  it('admits, lines up, authorizes and shortens', async () => {
    const poll = (user: string) => (queue as RedisQueue).poll(user);
    const authorize = (...by: [string, string]) => (queue as RedisQueue).authorize(...by);
    const a = await poll('a');
    await poll('b');
    const c = await poll('c');
    expect(a.processing).to.equal(true);
    expect(c).to.deep.include({ processing: false, ahead: 0 });
    expect(await authorize('a', a.token)).to.equal('admitted');
    expect(await authorize('c', c.token)).to.equal('waiting');
    expect(await authorize('b', a.token)).to.equal('not-yours');
    await queue?.shorten('a');
    expect((await poll('c')).processing).to.equal(false);
  });

  it('limits held seats, of buyers on both masters', async () => {
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
  });
});

interface Cluster {
  readonly port: number;
  stop(): Promise<void>;
}

/** Another program may take a port between its choice and its use: then again with others. */
async function startCluster(attempts = startAttempts): Promise<Cluster> {
  const dir = await mkdtemp(path.join(tmpdir(), 'reprise-cluster-'));
  const [a, aBus, b, bBus] = (await freePorts(4)) as [number, number, number, number];
  const nodes = [
    { port: a, busPort: aBus },
    { port: b, busPort: bBus },
  ] as const;
  const running = nodes.map((node) => startNode(dir, node));
  const stop = async () => {
    for (const node of running) {
      if (node.exitCode === null && node.kill('SIGKILL')) await once(node, 'exit');
    }
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await formCluster(nodes);
    return { port: a, stop };
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

async function formCluster(nodes: readonly [Node, Node]): Promise<void> {
  const clients = nodes.map(({ port }) => new Redis(port, '127.0.0.1').on('error', () => {}));
  const [first, second] = clients as [Redis, Redis];
  try {
    await first.cluster('ADDSLOTSRANGE', 0, 8_191);
    await second.cluster('ADDSLOTSRANGE', 8_192, 16_383);
    await first.call('CLUSTER', 'SET-CONFIG-EPOCH', '1');
    await second.call('CLUSTER', 'SET-CONFIG-EPOCH', '2');
    const [{ port, busPort }] = nodes;
    await second.call('CLUSTER', 'MEET', '127.0.0.1', `${port}`, `${busPort}`);
    await eventually(
      'the nodes are one cluster',
      async () => {
        const states = clients.map((client) => client.cluster('INFO') as Promise<string>);
        return (await Promise.all(states)).every(
          (state) => state.includes('cluster_state:ok') && state.includes('cluster_size:2'),
        );
      },
      startTimeoutMs,
    );
  } finally {
    for (const client of clients) client.disconnect();
  }
}
