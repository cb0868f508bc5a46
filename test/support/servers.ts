import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Child, startChild } from '../../embedded/child.ts';
import type { CheckpointManner } from '../../embedded/eventstore/subscriptions/search.ts';
import { startEmbeddedPostgres } from '../../embedded/postgres.ts';

/** Servers for tests: embedded ones in processes of their own, or the real ones that the environment names. */

/** REDIS_URL when set, else undefined. */
export const testRedisUrl: string | undefined = process.env.REDIS_URL || undefined;

/** What is started and not yet stopped: a test that fails half way must not keep mocha from ending. */
const running = new Set<{ stop(): Promise<void> }>();

// Loaded with the test files, outside any `describe`: this is a hook of the whole run.
if (typeof after === 'function') {
  after('stop what the tests left running', async () => {
    await Promise.all([...running].map((server) => server.stop()));
  });
}

/** Longest start of an embedded event store, on however busy a machine, in milliseconds. */
export const startMs = 40_000;

/** An event store to test against. */
export interface TestEventStore {
  readonly url: string;
  /** SIGKILL. Undefined for a real server, as are the next two: skip the test. */
  kill?(): Promise<void>;
  /** Stops it if it still runs and starts it again: same data, same port. */
  restart?(): Promise<void>;
  /** Makes it misbehave; undefined without `faults`. Resolves when the server has said that it will. */
  fault?(spec: unknown): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A fresh embedded event store in its own process on a temporary directory, or the server of EVENTSTORE_URL: shared
 * and not empty, so name streams uniquely.
 * @param options.checkpoints whose checkpoints the embedded one sends (embedded/eventstore/README.md)
 */
export async function testEventStore(
  options: { faults?: boolean; checkpoints?: CheckpointManner } = {},
): Promise<TestEventStore> {
  const real = process.env.EVENTSTORE_URL;
  if (real) return { url: real, stop: async () => {} };

  const data = await mkdtemp(path.join(tmpdir(), 'reprise-eventstore-'));
  const flags = options.faults === true ? ['--faults'] : [];
  if (options.checkpoints !== undefined) flags.push('--checkpoints', options.checkpoints);
  const start = (port: string): Promise<Child> =>
    startChild(
      new URL('../../embedded/eventstore/main.ts', import.meta.url),
      ['--port', port, '--data', data, ...flags],
      { timeoutMs: startMs },
    );
  let child = await start('0');
  const { url } = child;
  const port = /:(\d+)/.exec(url)?.[1] ?? '0';

  const server: TestEventStore = {
    url,
    kill: () => child.kill(),
    async restart() {
      await child.stop();
      // Something may have the port for a moment: a client that looks for the server can be given it as its own.
      child = await eventually(`it starts again on port ${port}`, () => start(port));
    },
    async stop() {
      running.delete(server);
      await child.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
  if (options.faults === true) {
    server.fault = async (spec) => {
      const answered = child.nextMessage();
      await child.send({ fault: spec });
      const answer = (await answered) as { fault: 'set' } | { refused: string };
      if ('refused' in answer) throw new Error(answer.refused);
    };
  }
  running.add(server);
  return server;
}

/** A database to test against. */
export interface TestDatabase {
  readonly url: string;
  /** Drops it, ending the sessions that still use it. */
  drop(): Promise<void>;
}

/**
 * A fresh database: on one embedded PostgreSQL started once a mocha run, or on the server of POSTGRES_URL.
 * @param like a database to copy, which nobody is connected to; without it the new one is empty
 */
export async function testDatabase(like?: TestDatabase): Promise<TestDatabase> {
  const server = process.env.POSTGRES_URL || (await embeddedPostgres());
  const name = `reprise_test_${randomBytes(6).toString('hex')}`;
  const template = like === undefined ? '' : ` TEMPLATE ${new URL(like.url).pathname.slice(1)}`;
  await administer(server, `CREATE DATABASE ${name}${template}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => administer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

let embedded: Promise<string> | undefined;

function embeddedPostgres(): Promise<string> {
  embedded ??= startTestPostgres();
  return embedded;
}

async function startTestPostgres(): Promise<string> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'reprise-postgres-'));
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const server = await startEmbeddedPostgres({ dataDir });
    running.add({ stop: () => server.stop().then(remove) });
    // The service's role may make no databases.
    const url = new URL(server.url);
    url.username = 'reprise';
    const password = await readFile(path.join(dataDir, 'postgres', 'password'), 'utf8');
    url.password = password.trim();
    return url.href;
  } catch (error) {
    await remove();
    throw error;
  }
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/**
 * Polls until `condition` is truthy (neither false nor undefined, null, 0 or '') and returns its value.
 * @throws Error naming `what` when `deadlineMs` passed, with what the condition last threw as its cause. The default is for
 * what must happen, on however busy a machine; how soon it must happen is an assertion of its own.
 */
export async function eventually<T>(
  what: string,
  condition: () => T | Promise<T>,
  deadlineMs = 20_000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + deadlineMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (Date.now() >= deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause });
    await delay(10);
  }
}
