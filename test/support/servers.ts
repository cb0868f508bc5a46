import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AsyncFunc, Func, Suite } from 'mocha';
import { type Child, startChild } from '../../embedded/child.ts';
import type { CheckpointManner } from '../../embedded/eventstore/subscriptions/search.ts';
import { eventStoreBin } from '../../src/drill/environment.ts';
import { startEventStoreNodes } from './eventstore-nodes.ts';
import { eventually } from './eventually.ts';
import { administer, makeDatabase, startTestPostgres } from './test-postgres.ts';

/**
 * Servers for tests: embedded ones in processes of their own, or the real ones that the environment
 * names.
 */

/** REDIS_URL when set, else undefined. */
export const testRedisUrl: string | undefined = process.env.REDIS_URL || undefined;

/**
 * EVENTSTORE_URL, of a server that others use, too. Undefined when not set, and where
 * EVENTSTORE_BIN is, which goes before.
 */
export const sharedEventStoreUrl: string | undefined =
  eventStoreBin === undefined ? process.env.EVENTSTORE_URL || undefined : undefined;

/**
 * The tests run on a real EventStoreDB: nodes of EVENTSTORE_BIN, or the server of EVENTSTORE_URL.
 */
export const isRealEventStore = sharedEventStoreUrl !== undefined || eventStoreBin !== undefined;

/**
 * Nodes of EVENTSTORE_BIN that a test's own event store has: EVENTSTORE_NODES, 1 unless it is 3.
 */
const eventStoreNodes = process.env.EVENTSTORE_NODES === '3' ? 3 : 1;

/**
 * What is started and not yet stopped: a test that fails half way must not keep mocha from ending.
 */
const running = new Set<{ stop(): Promise<void> }>();

// Loaded with the test files, outside any `describe`: this is a hook of the whole run.
if (typeof after === 'function') {
  after('stop what the tests left running', async () => {
    await Promise.all([...running].map((server) => server.stop()));
  });
}

/** Longest start of an embedded event store, on however busy a machine, in milliseconds. */
export const startMs = 40_000;

const needsItsOwn = 'skipped: needs an event store of its own, set EVENTSTORE_BIN';

/**
 * A suite on a log that nobody else writes to: it looks at all of the log, spoils it, or ends its
 * server. On the shared server of EVENTSTORE_URL it is reported as skipped, with the reason in its
 * title.
 */
export function describeWithOwnEventStore(title: string, suite: (this: Suite) => void): void {
  if (sharedEventStoreUrl === undefined) describe(title, suite);
  else describe.skip(`${title} [${needsItsOwn}]`, suite);
}

/** The same for one test. */
export function itWithOwnEventStore(title: string, test: Func | AsyncFunc): void {
  if (sharedEventStoreUrl === undefined) it(title, test);
  else it.skip(`${title} [${needsItsOwn}]`, test);
}

/** An event store to test against. */
export interface TestEventStore {
  readonly url: string;
  /** SIGKILL, of each node. Undefined for the server of EVENTSTORE_URL, as is the next. */
  kill?(): Promise<void>;
  /** Stops it if it still runs and starts it again: same data, same port. */
  restart?(): Promise<void>;
  /**
   * Makes it misbehave; undefined without `faults`. Resolves when the server has said that it will.
   */
  fault?(spec: unknown): Promise<void>;
  stop(): Promise<void>;
}

/**
/** What only the embedded event store can be told. */
interface EmbeddedOptions {
  /** It takes orders to misbehave. */
  readonly faults?: boolean;
  /** Whose checkpoints it sends (embedded/eventstore/README.md). */
  readonly checkpoints?: CheckpointManner;
}

/**
 * An event store for a test file: nodes of EVENTSTORE_BIN of its own, on disk; else the server of
 * EVENTSTORE_URL, shared and not empty, so name streams uniquely and look at these alone; else a
 * fresh embedded one in a process of its own.
 * @param embedded it is the embedded one, whatever the run was given
 */
export async function testEventStore(embedded?: EmbeddedOptions): Promise<TestEventStore> {
  if (embedded !== undefined) return embeddedEventStore(embedded);
  if (eventStoreBin !== undefined) return ownNodes();
  if (sharedEventStoreUrl === undefined) return embeddedEventStore({});
  return { url: sharedEventStoreUrl, stop: async () => {} };
}

async function ownNodes(): Promise<TestEventStore> {
  const started = await startEventStoreNodes({ count: eventStoreNodes, data: 'disk' });
  const { nodes, url } = started;
  return {
    url,
    async kill() {
      await Promise.all(nodes.map((node) => node.kill()));
    },
    async restart() {
      await Promise.all(nodes.map((node) => node.restart()));
      await started.ready();
    },
    stop: () => started.stop(),
  };
}

async function embeddedEventStore(options: EmbeddedOptions): Promise<TestEventStore> {
  const data = await mkdtemp(path.join(tmpdir(), 'reprise-eventstore-'));
  const flags = options.faults ? ['--faults'] : [];
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
      // Something may have the port for a moment: a client that looks for the server can be given
      // it as its own.
      child = await eventually(`it starts again on port ${port}`, () => start(port));
    },
    async stop() {
      running.delete(server);
      await child.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
  if (options.faults) {
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
 * A fresh database: on one embedded PostgreSQL started once a mocha run, or on the server of
 * POSTGRES_URL.
 * @param like a database to copy, which nobody is connected to; without it the new one is empty
 */
export async function testDatabase(like?: TestDatabase): Promise<TestDatabase> {
  const server = process.env.POSTGRES_URL || (await embeddedPostgres());
  const url = await makeDatabase(server, like?.url);
  const name = new URL(url).pathname.slice(1);
  return { url, drop: () => administer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

let embedded: Promise<string> | undefined;

function embeddedPostgres(): Promise<string> {
  embedded ??= startTestPostgres().then((server) => {
    running.add(server);
    return server.url;
  });
  return embedded;
}
