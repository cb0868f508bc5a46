import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A new file, on the disk when this resolves. @throws the system's error */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  // The file has buyers' data, so only its owner may read it.
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Flushes a directory. Then a new name in it stays after a loss of power. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows cannot flush a directory, and this is not necessary there.
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Replaces or creates a file. After a loss of power, the file has its old or its new content, never
 * a mixture.
 * @throws the system's error; then the file has not changed
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
 * Adds a line to a file, and creates the file if it is missing. The line is on the disk when this
 * resolves. If a crash left a part of an earlier line, this part stays a separate line.
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
