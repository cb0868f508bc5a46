/**
 * Allows one process per directory, by a lock on a file in it. The kernel holds the lock while the
 * file is open. A killed process has no lock, a suspended one still has it, and process ids,
 * containers and reboots do not matter (docs/adr/0023-the-kernel-holds-the-lock.md).
 *
 * The file is never removed: a process with a lock on a removed file would not exclude any other.
 * The content of the file is only for people.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 20;

/** A lock that this process has. */
export interface FileLock {
  /**
   * If a child process gets this file, the child has the lock, too. The lock ends when the last of
   * these processes ends.
   */
  readonly fd: number;
  /** Gives up the share of this process. A second call has no effect. */
  release(): void;
}

/** Another process has the lock. The message names this process, if it is known. */
export class LockHeld extends Error {}

/** The package has no binary for this platform. */
export class LocksMissing extends Error {}

/**
 * Takes the lock at once. Creates the file if it is missing.
 * @throws LockHeld, or the system's error when the file cannot be written or the file system knows
 * no locks
 */
export function lockFile(path: string): FileLock {
  for (;;) {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      if (!isLocked(fd, false)) throw new LockHeld(holder(path));
      if (!isAt(path, fd)) {
        // The file was removed after it was opened.
        closeSync(fd);
        continue;
      }
      giveToOwner(path, fd);
      say(fd, JSON.stringify({ pid: process.pid, host: hostname() }));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    let released = false;
    return {
      fd,
      release() {
        if (released) return;
        released = true;
        say(fd, '');
        // Closes the file without unlocking it. So a child keeps the lock.
        closeSync(fd);
      },
    };
  }
}

/**
 * Like `lockFile`, but waits for a process that is about to end.
 * @throws LockHeld after `waitMs`
 */
export async function lockFileWithin(path: string, waitMs: number): Promise<FileLock> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      return lockFile(path);
    } catch (error) {
      if (!(error instanceof LockHeld) || performance.now() >= deadline) throw error;
    }
    await delay(pollMs);
  }
}

/**
 * A description of the process that has the lock; undefined when none has it. For a moment too
 * short to measure, this function looks like another holder to a process that takes the lock.
 * @throws the system's error when the file exists and cannot be read
 */
export function lockHolder(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return isLocked(fd, true) ? undefined : holder(path);
  } finally {
    closeSync(fd);
  }
}

/** Locks it now. False when another open file has it locked. */
function isLocked(fd: number, shared: boolean): boolean {
  return native().tryLock(fd, { shared });
}

let loaded: typeof import('fs-native-extensions') | undefined;

function native(): typeof import('fs-native-extensions') {
  try {
    loaded ??= createRequire(import.meta.url)('fs-native-extensions');
  } catch (error) {
    throw new LocksMissing(
      `no file locks for ${process.platform} on ${process.arch}: the package fs-native-extensions has no binary for it`,
      { cause: error },
    );
  }
  return loaded as typeof import('fs-native-extensions');
}

function isAt(path: string, fd: number): boolean {
  const opened = fstatSync(fd);
  const there = statSync(path, { throwIfNoEntry: false });
  return there !== undefined && there.ino === opened.ino && there.dev === opened.dev;
}

/**
 * If root creates the file in a directory of another user, that user must still be able to lock it.
 */
function giveToOwner(path: string, fd: number): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  fchownSync(fd, uid, gid);
}

function say(fd: number, text: string): void {
  try {
    ftruncateSync(fd);
    writeSync(fd, text, 0);
  } catch {
    // The disk is full. The lock works without the text in its file.
  }
}

function holder(path: string): string {
  try {
    const { pid, host } = JSON.parse(readFileSync(path, 'utf8'));
    if (Number.isInteger(pid) && typeof host === 'string') return `process ${pid} on ${host}`;
  } catch {
    // The lock was taken or released at this moment, or another version wrote the text.
  }
  return 'another process';
}
