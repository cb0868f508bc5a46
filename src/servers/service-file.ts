import { readFileSync } from 'node:fs';
import { access, constants, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type FileLock,
  LockHeld,
  LocksMissing,
  lockFileWithin,
  lockHolder,
} from '../../embedded/file-lock.ts';

/**
 * Only one service may use a DATA_DIR. It holds the lock on `service.lock` while it runs.
 * `service.json`, which only its owner can read, has the addresses and passwords of its servers.
 */

/** The addresses of a running service's servers. */
export interface ServiceUrls {
  readonly eventStoreUrl: string;
  readonly postgresUrl: string;
}

/** Where a running service listens. */
export interface Listens {
  readonly apiUrl: string;
  /** Undefined if the service has no admin listener. */
  readonly adminUrl: string | undefined;
}

/** A running service, with a description for people. It listens at the end of its start. */
export interface RunningService extends ServiceUrls, Partial<Listens> {
  readonly holder: string;
}

/** The DATA_DIR of this process, if it is a service. */
export interface ServicePlace {
  /** Publishes the addresses to commands in the same DATA_DIR, in place of those before. */
  publish(urls: ServiceUrls & Partial<Listens>): Promise<void>;
  release(): Promise<void>;
}

/**
 * A command that checks for a running service holds the lock for a moment. If the lock is held for
 * longer than this, another service has it.
 */
const askedMs = 250;

const lockPath = (dataDir: string): string => join(dataDir, 'service.lock');
const urlsPath = (dataDir: string): string => join(dataDir, 'service.json');

/**
 * Makes this process the only service of DATA_DIR. Creates the directory if it is missing.
 * @param holdsData will there be data in it? If not, no lock is needed on platforms without one
 * @throws Error with a message for people if another service has it, or if it cannot be used
 */
export async function claimDataDir(dataDir: string, holdsData = true): Promise<ServicePlace> {
  await makeDataDir(dataDir);
  const lock = await lockDataDir(dataDir).catch((error: unknown) => {
    if (error instanceof LocksMissing && !holdsData) return undefined;
    throw error;
  });
  // The file of a killed service.
  await rm(urlsPath(dataDir), { force: true });
  return {
    async publish(urls) {
      const own = `${urlsPath(dataDir)}.new`;
      await writeFile(own, JSON.stringify(urls), { mode: 0o600 });
      await rename(own, urlsPath(dataDir));
    },
    async release() {
      await rm(urlsPath(dataDir), { force: true });
      lock?.release();
    },
  };
}

async function lockDataDir(dataDir: string): Promise<FileLock> {
  try {
    return await lockFileWithin(lockPath(dataDir), askedMs);
  } catch (error) {
    if (error instanceof LocksMissing) throw error;
    if (!(error instanceof LockHeld)) throw unusable(dataDir, error);
    throw new Error(
      `a service (${error.message}) uses ${dataDir} already: stop it, or set another DATA_DIR`,
    );
  }
}

/**
 * The running service of a DATA_DIR, or undefined.
 * @throws Error with a message for people while one starts or stops
 */
export function findService(dataDir: string): RunningService | undefined {
  const holder = holderOf(dataDir);
  if (holder === undefined) return undefined;
  try {
    return { ...JSON.parse(readFileSync(urlsPath(dataDir), 'utf8')), holder };
  } catch {
    throw new Error(
      `a service (${holder}) is starting or stopping in ${dataDir}: try again in a moment`,
    );
  }
}

function holderOf(dataDir: string): string | undefined {
  try {
    return lockHolder(lockPath(dataDir));
  } catch {
    // DATA_DIR cannot be used. The part that needs it reports the error.
    return undefined;
  }
}

/** @throws Error that names DATA_DIR when it cannot be made or written */
export async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await makeDirectory(dataDir, 0o700);
    if (!(await stat(dataDir)).isDirectory()) throw new Error('it is a file');
    await access(dataDir, constants.W_OK);
  } catch (error) {
    throw unusable(dataDir, error);
  }
}

function unusable(dataDir: string, error: unknown): Error {
  return new Error(
    `DATA_DIR ${dataDir} cannot be used (${(error as Error).message}): choose another`,
  );
}

/**
 * Creates a directory with its parents. Node's own `recursive` never ends if nothing can be
 * created, as below /proc.
 */
async function makeDirectory(path: string, mode?: number): Promise<void> {
  const make = () => mkdir(path, { mode });
  await make().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return;
    if (error.code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path));
    await make();
  });
}
