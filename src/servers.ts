import { access, constants, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from '../embedded/child.ts';
import { isRunning, type Owner, ownSelf } from '../embedded/owner.ts';
import { startEmbeddedPostgres } from '../embedded/postgres.ts';
import { Restarts } from '../embedded/restarts.ts';
import type { Config } from './config.ts';

/** An embedded event store opens a large log in seconds; longer than this is a fault, in milliseconds. */
const startTimeoutMs = 60_000;
/** After a start that failed, in milliseconds. */
const startAgainMs = 500;

/** The servers behind the service, embedded or named by their URLs. */
export interface Servers {
  readonly eventStoreUrl: string;
  readonly postgresUrl: string;
  /** What runs where, for people; no passwords. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** Where a running service's embedded servers listen: `<DATA_DIR>/service.json`, readable by its owner alone. */
interface ServiceFile extends Owner {
  readonly eventStoreUrl: string;
  readonly postgresUrl: string;
}

const serviceFile = (config: Config): string => join(config.dataDir, 'service.json');

/** The running service of this DATA_DIR, or undefined. */
export async function findService(config: Config): Promise<ServiceFile | undefined> {
  try {
    const service = JSON.parse(await readFile(serviceFile(config), 'utf8')) as ServiceFile;
    return isRunning(service) ? service : undefined;
  } catch {
    // No file, or a file cut short: no service runs.
    return undefined;
  }
}

/**
 * Starts an embedded server for each URL that is not set, and keeps it running.
 * @throws Error in words for people when DATA_DIR is in use or a server does not start; what was started is stopped
 */
export async function startServers(
  config: Config,
  onFault: (message: string, fatal: boolean) => void,
): Promise<Servers> {
  const running = await findService(config);
  if (running !== undefined) {
    throw new Error(
      `a service (process ${running.pid}) uses ${config.dataDir} already: stop it, or set another DATA_DIR`,
    );
  }
  await makeDataDir(config.dataDir);
  const parts: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    await Promise.all(parts.map((part) => part.stop()));
    await rm(serviceFile(config), { force: true });
  };
  const started = await Promise.allSettled([
    config.eventStoreUrl ??
      keepRunning(
        'embedded event store',
        (port = '0') => forkEventStore(config, port),
        parts,
        onFault,
      ),
    config.postgresUrl ??
      keepRunning(
        'keeper of the embedded PostgreSQL',
        (port) => startEmbeddedPostgres({ dataDir: config.dataDir, port }),
        parts,
        onFault,
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
  const service: ServiceFile = { ...ownSelf(), eventStoreUrl, postgresUrl };
  await writeFile(serviceFile(config), JSON.stringify(service), { mode: 0o600 });
  const lines = [
    `event store  ${config.eventStoreUrl ? 'server' : `embedded in ${join(config.dataDir, 'eventstore')}`} (${bare(eventStoreUrl)})`,
    `PostgreSQL   ${config.postgresUrl ? 'server' : `embedded in ${join(config.dataDir, 'postgres')}`} (${bare(postgresUrl)})`,
    `queue        ${config.redisUrl ? `Redis (${bare(config.redisUrl)})` : 'in this process, for this one instance'}`,
  ];
  return { eventStoreUrl, postgresUrl, lines, stop };
}

/**
 * The event store alone, for a command that needs no more: the running service's, the configured one, or one started for it.
 * `where` tells people which.
 */
export async function borrowEventStore(
  config: Config,
): Promise<{ readonly url: string; readonly where: string; stop(): Promise<void> }> {
  const stop = async () => {};
  if (config.eventStoreUrl !== undefined) {
    return { url: config.eventStoreUrl, where: bare(config.eventStoreUrl), stop };
  }
  const service = await findService(config);
  if (service !== undefined) {
    const where = `of the running service (process ${service.pid}, ${config.dataDir})`;
    return { url: service.eventStoreUrl, where, stop };
  }
  const directory = join(config.dataDir, 'eventstore');
  const isNew = await access(directory).then(
    () => false,
    () => true,
  );
  await makeDataDir(config.dataDir);
  const server = await forkEventStore(config, '0');
  return { ...server, where: `${isNew ? 'a new one in ' : ''}${directory}; no service runs there` };
}

/**
 * Both servers, for a command: the configured ones, else the running service's, else embedded ones that are started for
 * the command, and a service cannot start meanwhile.
 * @throws Error in words for people when one does not start, or there is no log, or no PostgreSQL and it must be there
 */
export async function borrowServers(
  config: Config,
  { postgresMustExist = false } = {},
): Promise<{
  readonly eventStoreUrl: string;
  readonly postgresUrl: string;
  stop(): Promise<void>;
}> {
  const running = await findService(config);
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

/** For commands that need a log that is there. @throws Error in words for people when there is none */
export async function logMustExist(config: Config): Promise<void> {
  if (config.eventStoreUrl !== undefined || (await findService(config)) !== undefined) return;
  await mustExist(join(config.dataDir, 'eventstore'), 'set DATA_DIR or EVENTSTORE_URL');
}

/** An empty log or database made by asking for it would say nothing. @throws Error */
export async function mustExist(directory: string, advice: string): Promise<void> {
  await access(directory).catch(() => {
    throw new Error(`there is no ${directory}, and no service runs on its directory: ${advice}`);
  });
}

function forkEventStore(config: Config, port: string): Promise<Child> {
  return startChild(
    new URL('../embedded/eventstore/main.ts', import.meta.url),
    ['--port', port, '--data', join(config.dataDir, 'eventstore')],
    { timeoutMs: startTimeoutMs },
  );
}

/** An embedded server, as far as keeping it running goes. */
type Part = Pick<Child, 'url' | 'exited' | 'stop'>;

/**
 * Starts an embedded server, and starts it again on its port whenever it ends by itself, within the bounds of `Restarts`;
 * then it is a fatal fault. A start that fails counts as one that ended.
 * @returns its URL
 */
async function keepRunning(
  what: string,
  start: (port?: string) => Promise<Part>,
  parts: { stop(): Promise<void> }[],
  onFault: (message: string, fatal: boolean) => void,
): Promise<string> {
  let part = await start();
  let stopping = false;
  const { url } = part;
  const { port } = new URL(url);
  const restarts = new Restarts();
  const startAgain = async (): Promise<boolean> => {
    while (!stopping) {
      if (!restarts.another()) {
        onFault(`the ${what} keeps ending`, true);
        break;
      }
      onFault(`the ${what} ended by itself and is started again`, false);
      try {
        part = await start(port);
        return true;
      } catch (error) {
        onFault((error as Error).message, false);
        await sleep(startAgainMs);
      }
    }
    return false;
  };
  const supervise = async () => {
    for (;;) {
      await part.exited;
      if (!(await startAgain())) return;
      // Told to stop while it started: that order went to its predecessor.
      if (stopping) return part.stop();
    }
  };
  const supervised = supervise();
  parts.push({
    stop: async () => {
      stopping = true;
      await part.stop();
      await supervised;
    },
  });
  return url;
}

/** A URL without user and password. */
function bare(text: string): string {
  return text.replace(/\/\/[^/@]*@/, '//');
}

/** @throws Error that names DATA_DIR when it cannot be made or written */
async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await makeDirectory(dataDir, 0o700);
    if (!(await stat(dataDir)).isDirectory()) throw new Error('it is a file');
    await access(dataDir, constants.W_OK);
  } catch (error) {
    throw new Error(
      `DATA_DIR ${dataDir} cannot be used (${(error as Error).message}): choose another`,
    );
  }
}

/** With what leads to it. Node's own `recursive` goes on for ever where nothing can be made, as below /proc. */
async function makeDirectory(path: string, mode?: number): Promise<void> {
  const make = () => mkdir(path, { mode });
  await make().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return;
    if (error.code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path));
    await make();
  });
}
