import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A new file, on the disk when this resolves. @throws the system's error */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  // Buyers' data: for its owner alone.
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A new name in it outlives a loss of power. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows cannot flush a directory, and does not need to.
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Puts a file in the place of one, or makes it: under its name it is there as it was, or as it is
 * now, whenever the power goes.
 * @throws the system's error; then it is as it was
 */
export async function replaceDurably(path: string, text: string): Promise<void> {
  const unfinished = `${path}.${randomUUID().slice(0, 8)}.unfinished`;
  try {
    await writeDurably(unfinished, Buffer.from(text));
    await rename(unfinished, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {});
    throw error;
  }
}

/**
 * Adds a line to a file, which is made when it is missing; on the disk when this resolves. What a
 * crash left of a line before stays a line of its own.
 * @throws the system's error
 */
export async function appendLineDurably(path: string, line: string): Promise<void> {
  const file = await open(path, 'a+', 0o600);
  try {
    const { size } = await file.stat();
    const last = Buffer.alloc(1);
    if (size > 0) await file.read(last, 0, 1, size - 1);
    const isCut = size > 0 && last.toString() !== '\n';
    await file.appendFile(`${isCut ? '\n' : ''}${line}\n`);
    await file.sync();
    if (size === 0) await syncDirectory(dirname(path));
  } finally {
    await file.close();
  }
}
