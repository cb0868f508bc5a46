import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { freePorts } from '../../support/free-ports.ts';
import { eventually, testRedisUrl } from '../../support/servers.ts';

/** A Redis for several services. */
export interface TestRedis {
  readonly url: string;
  /** Removes all that services keep in it. */
  empty(): Promise<void>;
  stop(): Promise<void>;
}

/** How often it is started, should another program take the port between its choice and its use. */
const startAttempts = 3;

/** The one of REDIS_URL, else one of its own where there is a `redis-server`; undefined: skip the tests. */
export async function testRedis(): Promise<TestRedis | undefined> {
  if (testRedisUrl !== undefined) return given(testRedisUrl, async () => {});
  if (spawnSync('redis-server', ['--version']).status !== 0) return undefined;
  return startRedis(startAttempts);
}

async function startRedis(attempts: number): Promise<TestRedis> {
  const dir = await mkdtemp(path.join(tmpdir(), 'reprise-redis-'));
  const [port] = await freePorts(1);
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
  const child = spawn('redis-server', settings, { stdio: 'ignore' });
  const redis = given(`redis://127.0.0.1:${port}`, async () => {
    await end(child);
    await rm(dir, { recursive: true, force: true });
  });
  try {
    const answers = () => withClient(redis.url, (client) => client.ping());
    await eventually('Redis answers or has ended', async () => hasEnded(child) || answers());
    if (!hasEnded(child)) return redis;
    throw new Error(`redis-server ended with ${child.exitCode}`);
  } catch (error) {
    await redis.stop();
    if (attempts <= 1) throw error;
    return startRedis(attempts - 1);
  }
}

function given(url: string, stop: () => Promise<void>): TestRedis {
  // It may be shared: only the services' own keys.
  const empty = () =>
    withClient(url, async (client) => {
      for await (const keys of client.scanStream({ match: '*reprise:*', count: 1_000 })) {
        if (keys.length > 0) await client.del(...keys);
      }
    });
  return { url, empty, stop };
}

async function withClient<T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { retryStrategy: () => null }).on('error', () => {});
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

async function end(child: ChildProcess): Promise<void> {
  if (!hasEnded(child) && child.kill('SIGKILL')) await once(child, 'exit');
}
