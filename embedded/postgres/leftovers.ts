import { execFile } from 'node:child_process';
import { readFile, readlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type FileLock, LockHeld, lockFileWithin } from '../file-lock.ts';
import { dataDirectory } from './cluster.ts';

/** Finds and stops a server of an earlier run. */

/** A keeper whose parent has just ended stops its server within this time. */
const claimMs = 5_000;
/**
 * After a shutdown, or after the first process was killed, all processes of a server have ended
 * within this time.
 */
const serverEndsMs = 10_000;
const pollMs = 50;

/**
 * Makes this process the directory's only keeper; waits for a keeper that is about to end.
 * @throws Error if another process remains its keeper.
 */
export async function claimDirectory(directory: string): Promise<FileLock> {
  try {
    return await lockFileWithin(path.join(directory, 'keeper.lock'), claimMs);
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    throw new Error(
      `${directory} is in use: ${error.message} keeps PostgreSQL there. Stop that Reprise first, ` +
        'or set another DATA_DIR',
    );
  }
}

/** The ways to end a server, the mildest first, and the time limit of each. */
const ways = [
  ['SIGINT', 15_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
] as const;

/**
 * The lock for the next server. All processes of a server have it while one of them runs. If an
 * earlier server still runs without its keeper, it is stopped first. When this process has the
 * lock, no server is left. Only then it corrects the files that the last server left.
 * @throws Error if an earlier server cannot be stopped.
 */
export async function claimServer(directory: string): Promise<FileLock> {
  const data = dataDirectory(directory);
  const file = path.join(data, 'postmaster.pid');
  const pid = await firstNumber(file);
  if (pid !== undefined) await stopForsaken(pid, data);
  try {
    const lock = await lockFileWithin(path.join(directory, 'server.lock'), serverEndsMs);
    await disarm(file);
    return lock;
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    throw new Error(
      `a PostgreSQL of an earlier run goes on on ${data} (process ${pid}, perhaps in another container) and cannot be ` +
        'stopped from here: stop it, or set another DATA_DIR',
    );
  }
}

async function stopForsaken(pid: number, data: string): Promise<void> {
  for (const [signal, waitMs] of ways) {
    if (!(await isServer(pid, data))) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    const deadline = Date.now() + waitMs;
    while (Date.now() < deadline && (await isServer(pid, data))) await delay(pollMs);
  }
}

/** More than any system's highest process id (Linux: 2^22). */
const nobodysPid = 2 ** 30;

/**
 * PostgreSQL refuses to start while the process in the first line is alive, even if it is another
 * program. It must still read the other lines: they identify the shared memory by which it detects
 * remaining sessions of the old server.
 */
async function disarm(file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  await writeFile(file, text.replace(/^\d+/, String(nobodysPid)));
}

async function isServer(pid: number, data: string): Promise<boolean> {
  const command = await commandOf(pid);
  return command.includes('postgres') && command.includes(data);
}

async function firstNumber(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const number = Number.parseInt(text, 10);
  return Number.isInteger(number) && number > 0 ? number : undefined;
}

/**
 * A process's command line; '' if there is no such process, or if it has ended and its parent has
 * not noticed yet.
 */
async function commandOf(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    // The /proc of another pid namespace shows processes that a signal from here does not reach.
    const self = await readlink('/proc/self').catch(() => '');
    if (self !== String(process.pid)) return '';
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return text.replaceAll('\0', ' ');
  }
  const ps = promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
  return (await ps.catch(() => ({ stdout: '' }))).stdout;
}
