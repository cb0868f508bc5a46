/**
 * One process a data directory. The lock is a file that names its owner by process id and start time, so
 * that what a `kill -9` left behind is recognised and taken over, also when the id was given away again.
 * It guards processes of one machine (and one container) only.
 */
import { readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, type Owner, ownSelf } from '../../owner.ts';

const FILE = 'owner.lock';
const TAKEOVER_TRIES = 3;
/** Directories that this process itself has open. */
const held = new Set<string>();

/** Another process has the directory open. */
export class DirectoryInUse extends Error {}

/** Takes the lock and returns how to give it back. @throws DirectoryInUse */
export function lockDirectory(directory: string): () => void {
  const path = realpathSync(directory);
  const file = join(path, FILE);
  if (held.has(path)) throw new DirectoryInUse(`this process (${process.pid}) has it open`);
  for (let attempt = 0; !created(file); attempt++) {
    const owner = readOwner(file);
    if (owner && isRunning(owner)) throw new DirectoryInUse(`process ${owner.pid} has it open`);
    if (attempt === TAKEOVER_TRIES) throw new DirectoryInUse('others are starting on it, too');
    rmSync(file, { force: true });
  }
  held.add(path);
  return () => {
    held.delete(path);
    rmSync(file, { force: true });
  };
}

function created(file: string): boolean {
  try {
    writeFileSync(file, JSON.stringify(ownSelf()), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readOwner(file: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(file, 'utf8')) as Partial<Owner>;
    if (typeof owner.pid !== 'number') return undefined;
    return { pid: owner.pid, started: String(owner.started ?? '') };
  } catch {
    return undefined;
  }
}
