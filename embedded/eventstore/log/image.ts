/**
 * An image: a copy of the log file, taken by LMDB itself while the log goes on. It is the log as
 * it was at one commit. The reader that copies keeps that state; nobody waits for it.
 */
import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { open } from 'lmdb';
import { viewStoredEvent } from '../codec/recorded-event.ts';
import type { Storage } from './storage.ts';

/** What an image has. */
export interface ImageContent {
  /** Of all streams, the server's own as well. */
  readonly events: number;
  /** Of the newest one, in decimal. */
  readonly lastPosition: string;
  readonly lastEventId: string;
  /** ISO 8601, in milliseconds. */
  readonly lastCreatedAt: string;
}

/**
 * Writes an image, flushes it, and reads in it what it has.
 * @param path of the file, which must not be there
 * @throws what the disk says; then what is at `path` is no image
 */
export async function writeImage(storage: Storage, path: string): Promise<ImageContent> {
  // The pages as they are: a compacted copy would be written from the tree, which takes longer.
  await storage.root.backup(path, false);
  const file = openSync(path, 'r+');
  fsyncSync(file);
  closeSync(file);
  return contentOf(path);
}

async function contentOf(path: string): Promise<ImageContent> {
  const root = open({ path, readOnly: true, maxDbs: 8 });
  try {
    const events = root.openDB<Buffer, number>('events', { encoding: 'binary' });
    for (const { key, value } of events.getRange({ reverse: true, limit: 1 })) {
      const { id, createdMs } = viewStoredEvent(value);
      return {
        events: events.getCount(),
        lastPosition: String(key),
        lastEventId: id,
        lastCreatedAt: new Date(createdMs).toISOString(),
      };
    }
    throw new Error('the image has no event');
  } finally {
    await root.close();
    rmSync(`${path}-lock`, { force: true });
  }
}
