import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AsyncFunc, Func, Suite } from 'mocha';
import type { Child } from '../../embedded/child.ts';
import { startEmbeddedEventStore } from '../../embedded/eventstore/start.ts';
import type { CheckpointManner } from '../../embedded/eventstore/subscriptions/search.ts';
import { eventStoreBin } from '../../src/drill/environment.ts';
import { startEventStoreNodes } from './eventstore-nodes.ts';
import { eventually } from './eventually.ts';
import { emptyShopLine } from './shop-line.ts';
import { administer, makeDatabase, startTestPostgres } from './test-postgres.ts';

/**
 * Servers for tests: embedded servers in their own processes, or the real servers that environment
 * variables name.
 */

/** REDIS_URL when set, else undefined. */
export const testRedisUrl: string | undefined = process.env.REDIS_URL || undefined;

/**
 * EVENTSTORE_URL: a server that others use, too. Undefined if it is not set, or if EVENTSTORE_BIN
 * is set, because EVENTSTORE_BIN has priority.
 */
export const sharedEventStoreUrl: string | undefined =
  eventStoreBin === undefined ? process.env.EVENTSTORE_URL || undefined : undefined;

/**
 * The tests run on a real EventStoreDB: nodes of EVENTSTORE_BIN, or the server of EVENTSTORE_URL.
 */
export const isRealEventStore = sharedEventStoreUrl !== undefined || eventStoreBin !== undefined;

/**
 * The number of nodes of EVENTSTORE_BIN in a test's own event store: EVENTSTORE_NODES, which is 1
 * or 3. Default 1.
 */
const eventStoreNodes = process.env.EVENTSTORE_NODES === '3' ? 3 : 1;

/**
 * The servers that are started and not yet stopped. If a test fails before it has stopped its
 * servers, mocha must still end.
 */
const running = new Set<{ stop(): Promise<void> }>();

// Loaded with the test files, outside any `describe`: this is a hook of the whole run.
if (typeof after === 'function') {
  after('stop what the tests left running', async () => {
    await Promise.all([...running].map((server) => server.stop()));
  });
}

const needsItsOwn = 'skipped: needs an event store of its own, set EVENTSTORE_BIN';

/**
 * A suite with its own log. It uses the whole log, writes bad events to it, or ends its server. On
 * the shared server of EVENTSTORE_URL it is reported as skipped, with the reason in its title.
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
  /**
   * Kills each node with SIGKILL. This function and the next one are undefined for the server of
   * EVENTSTORE_URL.
   */
  kill?(): Promise<void>;
  /** Stops it if it still runs, and starts it again with the same data and port. */
  restart?(): Promise<void>;
  /**
   * Makes it cause faults; undefined without `faults`. Resolves when the server has confirmed this.
   */
  fault?(spec: unknown): Promise<void>;
  stop(): Promise<void>;
}

/** Options that only the embedded event store has. */
interface EmbeddedOptions {
  /** Does it cause faults on request? */
  readonly faults?: boolean;
  /** The version whose checkpoints it sends (embedded/eventstore/README.md). */
  readonly checkpoints?: CheckpointManner;
}

/**
 * An event store for a test file. With EVENTSTORE_BIN, it is the file's own nodes, on disk. With
 * EVENTSTORE_URL, it is that server, which is shared and not empty: use unique names of streams,
 * and look only at these. The waiting line of the shop is emptied. Otherwise it is a new embedded
 * event store in its own process.
 * @param embedded always use the embedded event store, even if the run has one of these variables
 */
export async function testEventStore(embedded?: EmbeddedOptions): Promise<TestEventStore> {
  if (embedded !== undefined) return embeddedEventStore(embedded);
  if (eventStoreBin !== undefined) return ownNodes();
  if (sharedEventStoreUrl === undefined) return embeddedEventStore({});
  await emptyShopLine(sharedEventStoreUrl);
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
  const start = (port?: string): Promise<Child> => startEmbeddedEventStore({ data, port, flags });
  let child = await start();
  const { url } = child;
  const port = /:(\d+)/.exec(url)?.[1] ?? '0';

  const server: TestEventStore = {
    url,
    kill: () => child.kill(),
    async restart() {
      await child.stop();
      // Another program may use the port for a moment. For example, the system may give this port
      // to a client that connects to the server.
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
  /** Drops the database, and ends the sessions that still use it. */
  drop(): Promise<void>;
}

/**
 * A new database. It is on an embedded PostgreSQL, which starts once per run of mocha, or on the
 * server of POSTGRES_URL.
 * @param like a database to copy; nobody may be connected to it. Without it, the new database is
 * empty
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
