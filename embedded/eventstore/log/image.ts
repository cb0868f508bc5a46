/**
 * An image is a copy of the log file that LMDB itself makes while the server runs. It has the state
 * of the log after one commit. The copying reader keeps this state, and no other work waits for it.
 */
import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { open } from 'lmdb';
import { viewStoredEvent } from '../codec/recorded-event.ts';
import type { Storage } from './storage.ts';

/** What an image has. */
export interface ImageContent {
  /** The number of events in all streams, including the server's own. */
  readonly events: number;
  /** The position of the newest event, in decimal. */
  readonly lastPosition: string;
  readonly lastEventId: string;
  /** ISO 8601, in milliseconds. */
  readonly lastCreatedAt: string;
}

/**
 * Writes an image, flushes it, and counts its events.
 * @param path of the file, which must not exist
 * @throws the error of the disk. Then the file at `path` is not an image
 */
export async function writeImage(storage: Storage, path: string): Promise<ImageContent> {
  // Copies the pages unchanged. A compacted copy is made from the tree and takes longer.
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
