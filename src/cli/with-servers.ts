import { Kysely, PostgresDialect } from 'kysely';
import type { Pool } from 'pg';
import { migrate } from '../../migrations/migrate.ts';
import type { EventStore } from '../commands/core/event-store.ts';
import type { Config } from '../config.ts';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { connectPostgres, type PostgresBounds } from '../infrastructure/postgres.ts';
import { borrowEventStore, borrowServers } from '../servers/servers.ts';

/**
 * Bounds for commands that write a lot: they wait for the service's transactions, and their own
 * transactions are large.
 */
export const longWrites: PostgresBounds = { statementTimeoutMs: 60_000 };

/** The servers of a command while it runs. */
export interface CommandServers {
  readonly eventStore: EventStore;
  readonly pool: Pool;
}

export interface ServerOptions {
  /** Fails when there is no PostgreSQL yet; otherwise an embedded one is made. Default false. */
  readonly postgresMustExist?: boolean;
  /** Brings the tables to the newest schema first. Default true. */
  readonly migrates?: boolean;
  readonly bounds?: PostgresBounds;
}

/**
 * Runs a command's work with both servers: the configured ones, else those of the running service,
 * else embedded ones that are started for it. Closes everything afterwards.
 * @throws Error with a message for people when a server does not start or is not there; what `work`
 *   throws
 */
export async function withServers<T>(
  config: Config,
  { postgresMustExist = false, migrates = true, bounds = {} }: ServerOptions,
  work: (servers: CommandServers) => Promise<T>,
): Promise<T> {
  const servers = await borrowServers(config, { postgresMustExist });
  const { pool } = connectPostgres(servers.postgresUrl, bounds);
  const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
  const eventStore = connectEventStore(servers.eventStoreUrl);
  try {
    if (migrates) await migrate(db);
    return await work({ eventStore, pool });
  } finally {
    await eventStore.close();
    await db.destroy();
    await servers.stop();
  }
}

/**
 * Runs a command's work with only the event store, found in the same way. Closes it afterwards.
 * @param work gets the event store and a description of its place for people
 */
export async function withLog<T>(
  config: Config,
  work: (eventStore: EventStore, where: string) => Promise<T>,
): Promise<T> {
  const server = await borrowEventStore(config);
  const eventStore = connectEventStore(server.url);
  try {
    return await work(eventStore, server.where);
  } finally {
    await eventStore.close();
    await server.stop();
  }
}

/**
 * Runs work that Ctrl-C and SIGTERM cancel.
 * @param message the text of the signal's reason
 */
export async function cancellable<T>(
  message: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const aborter = new AbortController();
  const cancel = () => aborter.abort(new Error(message));
  process.on('SIGINT', cancel).on('SIGTERM', cancel);
  try {
    return await work(aborter.signal);
  } finally {
    process.off('SIGINT', cancel).off('SIGTERM', cancel);
  }
}
