import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Binaries } from './binaries.ts';
import type { ServerUser } from './user.ts';

/** Creates what is not there yet: the password and the cluster. */

/** Where the cluster is. */
export const dataDirectory = (directory: string): string => path.join(directory, 'data');

/** The cluster's own role. Only its keeper uses it. */
export const superuser = 'reprise';

/**
 * The environment of PostgreSQL's programs. It contains none of our secrets. With TZ, `initdb` need
 * not guess the time zone.
 */
export const programEnvironment = { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' };

/** The advice about shared memory, if the program reports a lack of it; else ''. */
export const sharedMemoryAdvice = (said: string): string =>
  said.includes('shared memory segment')
    ? 'It keeps shared memory in /dev/shm, which is too small, missing or closed to it: make it 64 MB or more ' +
      '(docker run --shm-size=64m), or set POSTGRES_URL to a PostgreSQL server.'
    : '';

/** The number of characters of a program's output that an error quotes. */
const quoteMax = 4_000;

/**
 * Creates the cluster if it is missing. It is created in a temporary directory first, so an
 * interrupted `initdb` blocks nothing. Resolves with the superuser's password.
 */
export async function createCluster(
  directory: string,
  binaries: Binaries,
  user: ServerUser,
  signal: AbortSignal,
): Promise<string> {
  const data = dataDirectory(directory);
  const passwordFile = path.join(directory, 'password');
  if (existsSync(data)) return readPassword(passwordFile, directory);

  const password = randomBytes(24).toString('hex');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flush: true });
  if (user.uid !== undefined) await chown(passwordFile, user.uid, user.gid as number);
  // A name that no other attempt has: an interrupted `initdb` may still be writing into its own.
  const unfinished = path.join(directory, `${unfinishedPrefix}${randomBytes(6).toString('hex')}`);
  await mkdir(unfinished, { mode: 0o700 });
  if (user.uid !== undefined) await chown(unfinished, user.uid, user.gid as number);
  await initdb(unfinished, passwordFile, binaries, user, signal);
  await rename(unfinished, data);
  await removeUnfinished(directory);
  return password;
}

const unfinishedPrefix = 'data.new-';

async function removeUnfinished(directory: string): Promise<void> {
  for (const entry of await readdir(directory)) {
    if (!entry.startsWith(unfinishedPrefix)) continue;
    await rm(path.join(directory, entry), { recursive: true, force: true, maxRetries: 5 });
  }
}

async function readPassword(file: string, directory: string): Promise<string> {
  const password = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (password !== '') return password;
  throw new Error(
    `${file} cannot be read. If it is lost, delete ${directory}: the read models in it are made anew from the log`,
  );
}

/** The built-in locale sorts by code point, the same on every system. */
const initdbOptions = [
  `--username=${superuser}`,
  '--auth-local=reject',
  '--auth-host=scram-sha-256',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--no-instructions',
];

async function initdb(
  data: string,
  passwordFile: string,
  binaries: Binaries,
  user: ServerUser,
  signal: AbortSignal,
): Promise<void> {
  const cluster = user.pathOf(data);
  const pwfile = path.join('..', path.basename(passwordFile));
  const options = [`--pgdata=${cluster}`, `--pwfile=${pwfile}`, ...initdbOptions];
  const { file, args, options: as } = user.wrap(binaries.initdb, options);
  const child = spawn(file, args, {
    ...as,
    cwd: data,
    env: programEnvironment,
    // It has its own process group, so its child processes can be ended together with it.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk).slice(-quoteMax);
  });
  const end = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  signal.addEventListener('abort', end);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    signal.throwIfAborted();
    if (code !== 0)
      throw new Error(
        `initdb ended with ${code}:\n${said.trim()}\n${sharedMemoryAdvice(said)}`.trim(),
      );
  } finally {
    signal.removeEventListener('abort', end);
  }
}
