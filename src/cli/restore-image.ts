import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LockHeld, lockFile } from '../../embedded/file-lock.ts';
import { copyImage, hasContent, type Image } from '../backup/images.ts';
import { RestoreError } from '../backup/restore-events.ts';
import type { Config } from '../config.ts';
import { readRestored } from '../events/restored.ts';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { borrowEventStore } from '../servers/servers.ts';
import { findService } from '../servers/service-file.ts';
import { syncDirectory } from '../support/durable-files.ts';
import { mustBeEmbedded } from './backup-image.ts';
import { append, tellNext } from './restore-log.ts';

/**
 * `reprise restore IMAGE`: an exact copy of the log file, with one more event that records the
 * restore. The event store appears in DATA_DIR with both, or not at all.
 * @throws Error in words for people
 */
export async function restoreImage(image: Image, config: Config): Promise<void> {
  mustBeEmbedded(config);
  const { manifest } = image;
  if (manifest === undefined) throw new RestoreError(`${image.directory} is not a complete image`);
  console.log(`image: ${image.directory}`);
  console.log(`  ${manifest.events} events, the last at ${manifest.lastCreatedAt}`);
  const place = join(config.dataDir, 'eventstore');
  if (findService(config.dataDir) !== undefined) {
    throw new RestoreError(`a service runs on ${config.dataDir}: stop it first`);
  }
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const lock = lockDataDir(config.dataDir);
  const unfinished = join(config.dataDir, 'restore.unfinished');
  try {
    if (await hasContent(place)) {
      throw new RestoreError(
        `${place} exists: nothing was written. Restore into another DATA_DIR, or move this directory.`,
      );
    }
    await rm(unfinished, { recursive: true, force: true });
    await copyImage(image, join(unfinished, 'eventstore'));
    await markRestored(image, { ...config, dataDir: unfinished });
    await rename(join(unfinished, 'eventstore'), place);
    await syncDirectory(config.dataDir);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
    lock.release();
  }
  console.log(`restored: the event store is as it was at ${manifest.lastCreatedAt}`);
  tellNext(false);
}

function lockDataDir(dataDir: string): { release(): void } {
  try {
    return lockFile(join(dataDir, 'restore.lock'));
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    throw new RestoreError(`${error.message} already restores into ${dataDir}`);
  }
}

/**
 * Without this event, the service would take the log for the lost log. Then one position could mean
 * two different events.
 */
async function markRestored({ id, manifest }: Image, config: Config): Promise<void> {
  if (manifest === undefined) return;
  const server = await borrowEventStore(config);
  const store = connectEventStore(server.url);
  try {
    const before = await readRestored(store);
    await append(store, before?.revision, {
      type: 'ImageRestored',
      data: {
        epoch: randomUUID(),
        image: id,
        events: manifest.events,
        lastEventId: manifest.lastEventId,
        lastCreatedAt: manifest.lastCreatedAt,
        at: new Date().toISOString(),
      },
    });
  } finally {
    await store.close();
    await server.stop();
  }
}
