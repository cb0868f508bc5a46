import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Child } from '../../embedded/child.ts';
import { startEmbeddedEventStore } from '../../embedded/eventstore/start.ts';
import { startEmbeddedPostgres } from '../../embedded/postgres/start.ts';
import type { Config } from '../config.ts';
import { keepRunning } from './keep-running.ts';
import { claimDataDir, findService, type Listens, makeDataDir } from './service-file.ts';

/**
 * After a restart, it waits this long for its port, because another program may have taken the
 * port. In milliseconds.
 */
const portWaitMs = 60_000;

/** The servers behind the service, embedded or named by their URLs. */
export interface Servers {
  readonly eventStoreUrl: string;
  readonly postgresUrl: string;
  /** Lines for people with the address of each server, without passwords. */
  readonly lines: readonly string[];
  /** Publishes where the service listens, to commands in the same DATA_DIR. */
  announce(listens: Listens): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts an embedded server for each URL that is not set, and keeps it running.
 * @throws Error with a message for people if DATA_DIR is in use or a server does not start. Then it
 * stops the servers that it has started
 */
export async function startServers(
  config: Config,
  onFault: (message: string, fatal: boolean) => void,
  onRestart: (server: 'eventstore' | 'postgres') => void = () => {},
): Promise<Servers> {
  const holdsData = config.eventStoreUrl === undefined || config.postgresUrl === undefined;
  const place = await claimDataDir(config.dataDir, holdsData);
  const parts: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    await Promise.all(parts.map((part) => part.stop()));
    await place.release();
  };
  const startEventStore = eventStoreStarter(config);
  const started = await Promise.allSettled([
    config.eventStoreUrl ??
      keepRunning('embedded event store', startEventStore, parts, onFault, () =>
        onRestart('eventstore'),
      ),
    config.postgresUrl ??
      keepRunning(
        'keeper of the embedded PostgreSQL',
        (port) =>
          startEmbeddedPostgres({ dataDir: config.dataDir, port, services: config.workers }),
        parts,
        onFault,
        () => onRestart('postgres'),
      ),
  ]);
  const failed = started.find((part) => part.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const [eventStoreUrl, postgresUrl] = started.map((part) => (part as { value: string }).value) as [
    string,
    string,
  ];
  await place.publish({ eventStoreUrl, postgresUrl });
  const lines = [
    `event store  ${config.eventStoreUrl ? 'server' : `embedded in ${join(config.dataDir, 'eventstore')}`} (${bare(eventStoreUrl)})`,
    `PostgreSQL   ${config.postgresUrl ? 'server' : `embedded in ${join(config.dataDir, 'postgres')}`} (${bare(postgresUrl)})`,
    `queue        ${config.redisUrl ? `Redis (${bare(config.redisUrl)})` : 'in this process, for this one instance'}`,
  ];
  const announce = (listens: Listens) => place.publish({ eventStoreUrl, postgresUrl, ...listens });
  return { eventStoreUrl, postgresUrl, lines, announce, stop };
}

/**
 * Only the event store, for a command that needs no other server. It is the event store of the
 * running service, the configured one, or one that this process starts. `where` describes it for
 * people.
 */
export async function borrowEventStore(
  config: Config,
): Promise<{ readonly url: string; readonly where: string; stop(): Promise<void> }> {
  const stop = async () => {};
  if (config.eventStoreUrl !== undefined) {
    return { url: config.eventStoreUrl, where: bare(config.eventStoreUrl), stop };
  }
  const service = findService(config.dataDir);
  if (service !== undefined) {
    const where = `of the running service (${service.holder}, ${config.dataDir})`;
    return { url: service.eventStoreUrl, where, stop };
  }
  const directory = join(config.dataDir, 'eventstore');
  const isNew = await access(directory).then(
    () => false,
    () => true,
  );
  await makeDataDir(config.dataDir);
  const server = await eventStoreStarter(config)();
  return { ...server, where: `${isNew ? 'a new one in ' : ''}${directory}; no service runs there` };
}

/**
 * Both servers, for a command. They are the configured ones, or else the running service's.
 * Otherwise embedded ones are started for the command, and meanwhile no service can start.
 * @throws Error with a message for people if a server does not start, or if a required log or
 * PostgreSQL does not exist
 */
export async function borrowServers(
  config: Config,
  { postgresMustExist = false } = {},
): Promise<{
  readonly eventStoreUrl: string;
  readonly postgresUrl: string;
  stop(): Promise<void>;
}> {
  const running = findService(config.dataDir);
  const eventStoreUrl = config.eventStoreUrl ?? running?.eventStoreUrl;
  const postgresUrl = config.postgresUrl ?? running?.postgresUrl;
  if (eventStoreUrl !== undefined && postgresUrl !== undefined) {
    return { eventStoreUrl, postgresUrl, stop: async () => {} };
  }
  if (eventStoreUrl === undefined) await logMustExist(config);
  if (postgresUrl === undefined && postgresMustExist) {
    await mustExist(join(config.dataDir, 'postgres'), 'set DATA_DIR or POSTGRES_URL');
  }
  const onFault = (message: string) => console.error(message);
  return startServers(config, onFault);
}

/**
 * For commands that need an existing log.
 * @throws Error with a message for people if there is none
 */
export async function logMustExist(config: Config): Promise<void> {
  if (config.eventStoreUrl !== undefined || findService(config.dataDir) !== undefined) return;
  await mustExist(join(config.dataDir, 'eventstore'), 'set DATA_DIR or EVENTSTORE_URL');
}

/**
 * Without this check, the command would create an empty log or database and report nothing.
 * @throws Error
 */
export async function mustExist(directory: string, advice: string): Promise<void> {
  await access(directory).catch(() => {
    throw new Error(`there is no ${directory}, and no service runs on its directory: ${advice}`);
  });
}

/**
 * Each start accepts the same clients, those with the password of this process or of
 * `service.json`.
 */
function eventStoreStarter(config: Config): (port?: string) => Promise<Child> {
  const password = randomBytes(24).toString('hex');
  const data = join(config.dataDir, 'eventstore');
  return (port) =>
    startEmbeddedEventStore({
      ...{ data, port, password },
      portWaitMs: port === undefined ? 0 : portWaitMs,
    });
}

/**
 * A URL without any part that may be a password. This works even for a malformed URL, for example
 * with an unescaped `@`, `/` or `?`, or with a password in a parameter. If the end of the password
 * is unclear, only the scheme remains.
 */
export function bare(text: string): string {
  const [, scheme = '', place = '', query = ''] = /^([^:]*:\/\/)?([^?]*)(.*)$/s.exec(text) ?? [];
  return scheme + (query.includes('@') ? '…' : place.slice(place.lastIndexOf('@') + 1));
}
