import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isRunning, ownSelf } from './owner.ts';
import { dataDirectory } from './postgres-cluster.ts';

/** What an earlier run may have left behind, and how to tell it from one that still goes on. */

/** A keeper whose parent has just died needs this long at most to stop its server. */
const claimMs = 5_000;
const pollMs = 50;

/**
 * Makes this process the directory's only keeper; waits for one that is about to end. Resolves with what gives it up.
 * @throws Error when another process goes on keeping it.
 */
export async function claimDirectory(directory: string): Promise<() => Promise<void>> {
  const file = path.join(directory, 'keeper.pid');
  const deadline = Date.now() + claimMs;
  const { pid: ownPid, started } = ownSelf();
  while (!(await created(file, `${ownPid}\n${started}\n`))) {
    const pid = await firstNumber(file);
    if (pid === undefined || !(await isKeeper(pid, file, directory))) {
      await rm(file, { force: true });
    } else if (Date.now() > deadline) {
      throw new Error(
        `${directory} is in use: process ${pid} keeps PostgreSQL there. Stop that Reprise first, ` +
          'or set another DATA_DIR',
      );
    } else {
      await delay(pollMs);
    }
  }
  return () => rm(file, { force: true });
}

async function created(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Process ids come again, in containers the very same ones, also as a thread's of this very process: only a process that
 * began when the file says and looks like a keeper is one.
 */
async function isKeeper(pid: number, file: string, directory: string): Promise<boolean> {
  const [, started = ''] = (await readFile(file, 'utf8').catch(() => '')).split('\n');
  if (!isRunning({ pid, started })) return false;
  const command = await commandOf(pid);
  return command.includes('postgres-keeper') && command.includes(directory);
}

/** How a server is ended, the gentlest way first, and how long each way is given. */
const ways = [
  ['SIGINT', 15_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
] as const;

/**
 * Stops a server that still runs on the directory although its keeper is gone, and sees to it that the next one is not
 * refused for a `postmaster.pid` whose process id now belongs to somebody else.
 * @throws Error when it cannot be stopped.
 */
export async function stopForsaken(directory: string): Promise<void> {
  const data = dataDirectory(directory);
  const file = path.join(data, 'postmaster.pid');
  const pid = await firstNumber(file);
  if (pid === undefined) return;
  for (const [signal, waitMs] of ways) {
    if (!(await isServer(pid, data))) break;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    const deadline = Date.now() + waitMs;
    while (Date.now() < deadline && (await isServer(pid, data))) await delay(pollMs);
  }
  if (await isServer(pid, data)) {
    throw new Error(`PostgreSQL of an earlier run (process ${pid}) on ${data} does not stop`);
  }
  await disarm(file);
}

/** More than any system's highest process id (Linux: 2^22). */
const nobodysPid = 2 ** 30;

/**
 * PostgreSQL refuses to start while the process in the first line is alive, whatever it is. It must still read the
 * other lines: they lead to the shared memory by which it knows whether sessions of the old server are left.
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

/** A process's command line; '' when there is no such process, or one that has ended and was not yet waited for. */
async function commandOf(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return text.replaceAll('\0', ' ');
  }
  const ps = promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
  return (await ps.catch(() => ({ stdout: '' }))).stdout;
}
