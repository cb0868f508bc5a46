import { readFileSync } from 'node:fs';
import { access, constants, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type FileLock,
  LockHeld,
  LocksMissing,
  lockFileWithin,
  lockHolder,
} from '../../embedded/file-lock.ts';

/**
 * One service a DATA_DIR: it has `service.lock` locked for as long as it lives, and says in
 * `service.json`, which only its owner can read, where its servers are and how to be let in.
 */

/** Where a running service's servers are. */
export interface ServiceUrls {
  readonly eventStoreUrl: string;
  readonly postgresUrl: string;
}

/** A service that runs, and who it is, for people. */
export interface RunningService extends ServiceUrls {
  readonly holder: string;
}

/** The place of a service that this process is. */
export interface ServicePlace {
  /** Publishes the addresses of the servers to commands in the same DATA_DIR. */
  publish(urls: ServiceUrls): Promise<void>;
  release(): Promise<void>;
}

/**
 * A command that asks whether a service runs is in the way of one for a moment; longer than this it
 * is another service.
 */
const askedMs = 250;

const lockPath = (dataDir: string): string => join(dataDir, 'service.lock');
const urlsPath = (dataDir: string): string => join(dataDir, 'service.json');

/**
 * Makes this process the only service of DATA_DIR, which is made when it is missing.
 * @param holdsData whether there will be data in it; if not, it is done without a lock on
 *   platforms that have none
 * @throws Error with a message for people when another has it, or it cannot be used
 */
export async function claimDataDir(dataDir: string, holdsData = true): Promise<ServicePlace> {
  await makeDataDir(dataDir);
  const lock = await lockDataDir(dataDir).catch((error: unknown) => {
    if (error instanceof LocksMissing && !holdsData) return undefined;
    throw error;
  });
  // What a killed one left.
  await rm(urlsPath(dataDir), { force: true });
  return {
    publish: (urls) => writeFile(urlsPath(dataDir), JSON.stringify(urls), { mode: 0o600 }),
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
 * With what leads to it. Node's own `recursive` goes on for ever where nothing can be made, as
 * below /proc.
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
