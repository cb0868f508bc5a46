import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Catalog } from '../commands/concert/catalog.ts';
import { type EventStore, EventStoreRefused } from '../commands/core/event-store.ts';
import { whyNoEventStore } from '../infrastructure/eventstoredb/knock.ts';
import type { Postgres } from '../infrastructure/postgres.ts';
import { whatIsMissing, whyUnfit } from '../infrastructure/postgres-fitness.ts';
import { raiseLostFence } from '../projections/engine/checkpoint.ts';
import { projections } from '../projections/models/registry.ts';
import type { WaitingQueue } from '../queue/waiting-queue.ts';

/**
 * A server that a URL names may still be starting. The service waits for it this long, in
 * milliseconds.
 */
const serverMs = 60_000;
/** Longest wait for one of its answers, and the time between two requests, in milliseconds. */
const answerMs = 2_000;
const askAgainMs = 500;

/** A server that a URL names. */
export interface NamedServer {
  readonly name: string;
  /** The setting that has the URL. */
  readonly setting: string;
  /** Can the server be used? Answers within `timeoutMs`, or some seconds. */
  readonly reachable: (timeoutMs: number) => Promise<boolean>;
  /** Why the server can never be reached with this URL. Never contains a password. */
  readonly refusal: (timeoutMs: number) => string | undefined | Promise<string | undefined>;
  /** The last error of the server or the system. Never contains a password. */
  readonly lastWords?: () => string | undefined;
}

/** What a start needs. */
export interface StartParts {
  readonly say: (line: string) => void;
  /** Ends the start. */
  readonly signal: AbortSignal;
}

/**
 * Waits until a server answers. Prints a line if this takes longer than a moment.
 * @throws Error that names the setting if the server does not answer in time, or at once if the URL
 * is wrong. Also the abort reason of the signal
 */
export async function untilAnswers(
  { name, setting, reachable, refusal, lastWords }: NamedServer,
  { say, signal }: StartParts,
): Promise<void> {
  const endMs = performance.now() + serverMs;
  let told = false;
  while (!(await reachable(answerMs))) {
    signal.throwIfAborted();
    const why = await refusal(answerMs);
    if (why !== undefined) throw new Error(`${name} cannot be used (${why}): correct ${setting}`);
    const words = lastWords?.();
    const said = words === undefined ? '' : ` (${words})`;
    if (performance.now() > endMs) {
      throw new Error(
        `${name} gave no answer in ${serverMs / 1_000} s${said}: is ${setting} right?`,
      );
    }
    if (!told)
      say(`  waiting      ${name} gives no answer yet${said}; trying for ${serverMs / 1_000} s …`);
    told = true;
    await sleep(askAgainMs);
  }
  signal.throwIfAborted();
}

export const namedPostgres = (postgres: Postgres): NamedServer => ({
  name: 'PostgreSQL',
  setting: 'POSTGRES_URL',
  reachable: (timeoutMs) => postgres.reachable(timeoutMs),
  refusal: () => postgres.refusal(),
  lastWords: () => postgres.lastWords(),
});

export function namedEventStore(store: Pick<EventStore, 'head'>, url: string): NamedServer {
  let refused: string | undefined;
  let words: string | undefined;
  return {
    name: 'the event store',
    setting: 'EVENTSTORE_URL',
    async reachable() {
      try {
        await store.head();
        words = undefined;
        return true;
      } catch (error) {
        words = (error as Error).message;
        refused = error instanceof EventStoreRefused ? error.message : undefined;
        return false;
      }
    },
    refusal: async (timeoutMs) => refused ?? (await whyNoEventStore(url, timeoutMs)),
    lastWords: () => words,
  };
}

/** @param refusal the result of `whyRefused` for the connection's last error */
export const namedRedis = (
  queue: Pick<WaitingQueue, 'reachable'>,
  refusal: () => string | undefined,
): NamedServer => ({
  name: 'Redis',
  setting: 'REDIS_URL',
  // It also answers if the URL names a missing database.
  reachable: async (timeoutMs) => (await queue.reachable(timeoutMs)) && refusal() === undefined,
  refusal,
});

/** Tables that belong to no projection. */
const otherTables = ['projection_checkpoint', 'projection_engine', 'parked_event'];

/** @throws Error with a message for people if PostgreSQL answers but cannot be used */
export async function assertFit(postgres: Postgres, say: (line: string) => void): Promise<void> {
  const tables = projections.flatMap((one) => one.tables.map(({ name }) => name));
  const why = await whyUnfit(postgres, [...tables, ...otherTables], [raiseLostFence]);
  if (why !== undefined) throw new Error(`PostgreSQL cannot be used as POSTGRES_URL says: ${why}`);
  const missing = await whatIsMissing(postgres);
  if (missing !== undefined)
    say(`  note         reprise rebuild and newer versions need: ${missing}`);
}

/**
 * A log has only one currency, the currency of its first session.
 * @throws Error with a message for people when CURRENCY is another
 */
export function assertCurrency(catalog: Catalog, currency: string): void {
  const [first] = catalog.sessions();
  if (first === undefined || first.currency === currency) return;
  throw new Error(
    `CURRENCY is ${currency}, and the prices in this log are in ${first.currency}: ` +
      `set CURRENCY=${first.currency}, or use another log (DATA_DIR, EVENTSTORE_URL)`,
  );
}

/**
 * Called before anything is started.
 * @param which the text before HOST and PORT in the names of its settings
 * @returns the port; for port 0, one that is free now
 * @throws Error with a message for people when nothing can listen there
 */
export async function assertFree(
  port: number,
  host: string,
  which: '' | 'ADMIN_' = '',
): Promise<number> {
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen(port, host, resolve);
    });
    return (probe.address() as AddressInfo).port;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new Error(
        `${host}:${port} is taken: stop what listens there, or set another ${which}PORT (0 takes a free one)`,
      );
    }
    throw new Error(`cannot listen on ${which}HOST ${host}, ${which}PORT ${port}: ${message}`);
  } finally {
    if (probe.listening) await new Promise((resolve) => probe.close(resolve));
  }
}
