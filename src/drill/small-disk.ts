import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);

/** The longest wait for the processes that work on a disk, in milliseconds. */
const unmountMs = 30_000;

/** A file system of its own, of a few megabytes. */
export interface SmallDisk {
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * Mounts a small disk in memory. Undefined where this user or system cannot (it needs Linux and
 * root).
 */
export async function smallDisk(megabytes: number): Promise<SmallDisk | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'reprise-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]);
  } catch {
    await rm(path, { recursive: true, force: true });
    return undefined;
  }
  return {
    path,
    async remove() {
      // Processes that worked on the disk may be about to end.
      const unmount = () => run('umount', [path]).then(() => true);
      await eventually(`${path} is unmounted`, unmount, unmountMs, 100);
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** Why this machine can mount no small disk; undefined when it can. */
export async function whyNoSmallDisk(): Promise<string | undefined> {
  const disk = await smallDisk(1);
  await disk?.remove();
  return disk === undefined ? 'a small disk needs Linux and root' : undefined;
}

/** Takes away or gives back the right to write to a disk on which no file is open for writing. */
export async function setWritable(disk: SmallDisk, writable: boolean): Promise<void> {
  await run('mount', ['-o', `remount,${writable ? 'rw' : 'ro'}`, disk.path]);
}

/**
 * Lets a process's files grow to `bytes` and no further; `unlimited` lifts it again. To the process
 * it is a disk that refuses to write. False where there is no such tool (it is part of util-linux).
 */
export async function limitFileSize(pid: number, bytes: number | 'unlimited'): Promise<boolean> {
  try {
    // The soft limit only: the hard one stays, so that it can be lifted again.
    await run('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]);
    return true;
  } catch {
    return false;
  }
}
