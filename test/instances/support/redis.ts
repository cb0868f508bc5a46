import { Redis } from 'ioredis';
import { startRedisServer } from '../../support/programs.ts';
import { testRedisUrl } from '../../support/servers.ts';

/** A Redis for several services. */
export interface TestRedis {
  readonly url: string;
  /** Removes all that services keep in it. */
  empty(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The one of REDIS_URL, else one of its own where there is a `redis-server`; undefined: skip the
 * tests.
 */
export async function testRedis(): Promise<TestRedis | undefined> {
  if (testRedisUrl !== undefined) return given(testRedisUrl, async () => {});
  const server = await startRedisServer();
  return server && given(server.url, () => server.stop());
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
