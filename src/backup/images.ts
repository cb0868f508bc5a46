import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LockHeld, lockFile } from '../../embedded/file-lock.ts';
import { syncDirectory } from '../support/durable-files.ts';
import { ifMissing } from './archive.ts';
import { ArchiveError } from './archive-writer.ts';

/**
 * Images of the embedded event store, in the same directory as the archives. An image is a
 * directory `image-<time>-<random>` with the log file and `image.json`, which has the hash of the
 * log file. A rename makes a complete image appear at once.
 */

const logName = 'log.mdb';
const formatName = 'FORMAT';
const manifestName = 'image.json';
const unfinishedPrefix = '.unfinished-';
const namePattern = /^image-\d{8}T\d{6}Z-[0-9a-f]{8}$/;
/** The format of the log file, as in `FORMAT`. This version opens only this one. */
const logFormat = 1;

const manifestSchema = z.object({
  reprise: z.literal('image'),
  format: z.literal(1),
  /** Of the log file. */
  logFormat: z.literal(logFormat),
  writtenAt: z.iso.datetime(),
  /** The program's. */
  version: z.string(),
  bytes: z.number().int(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  events: z.number().int(),
  lastPosition: z.string(),
  lastEventId: z.string(),
  lastCreatedAt: z.string(),
});
export type ImageManifest = z.infer<typeof manifestSchema>;

export interface Image {
  readonly id: string;
  readonly directory: string;
  /** Undefined if it cannot be read. Then the image is useless. */
  readonly manifest: ImageManifest | undefined;
}

/** The images, oldest first. Empty if the directory is missing. */
export async function imagesIn(parent: string): Promise<Image[]> {
  const names = await readdir(parent).catch(ifMissing<string[]>([]));
  const ids = names.filter((name) => namePattern.test(name)).sort();
  return Promise.all(ids.map((id) => imageAt(join(parent, id), id)));
}

async function imageAt(directory: string, id: string): Promise<Image> {
  const text = await readFile(join(directory, manifestName), 'utf8').catch(ifMissing(''));
  const isJson = text.trimStart().startsWith('{');
  const { data } = manifestSchema.safeParse(isJson ? jsonOf(text) : undefined);
  return { id, directory, manifest: data };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The image in a directory; undefined if the directory is not an image. */
export async function findImage(directory: string): Promise<Image | undefined> {
  const name = directory.replace(/\/+$/, '').split('/').at(-1) ?? '';
  const names = await readdir(directory).catch((): string[] => []);
  if (!namePattern.test(name) && !names.includes(manifestName)) return undefined;
  return imageAt(directory, name);
}

/**
 * Makes an image. First it removes the files of an earlier run that was killed.
 * @param write makes the log file at a path, flushes it, and returns its content
 * @throws ArchiveError, or the errors of `write`. Then no directory looks like a new image
 */
export async function makeImage(
  parent: string,
  version: string,
  write: (
    path: string,
  ) => Promise<Pick<ImageManifest, 'events' | 'lastPosition' | 'lastEventId' | 'lastCreatedAt'>>,
): Promise<Image> {
  return alone(parent, async () => {
    const writtenAt = new Date().toISOString();
    const time = writtenAt.replace(/[-:]|\.\d+/g, '');
    const id = `image-${time}-${randomBytes(4).toString('hex')}`;
    const unfinished = join(parent, unfinishedPrefix + id);
    await mkdir(unfinished, { mode: 0o700 });
    const content = await write(join(unfinished, logName));
    const { size, sha256 } = await hashFile(join(unfinished, logName));
    const manifest: ImageManifest = {
      ...{ reprise: 'image', format: 1, logFormat, writtenAt, version },
      ...{ bytes: size, sha256, ...content },
    };
    await writeDurably(join(unfinished, formatName), `${logFormat}\n`);
    await writeDurably(join(unfinished, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
    await syncDirectory(unfinished);
    await rename(unfinished, join(parent, id));
    await syncDirectory(parent);
    return { id, directory: join(parent, id), manifest };
  });
}

/**
 * Works with a copy of an image, which an event store may open. Afterwards it removes the copy.
 * @param work gets a directory in which `eventstore` is the copy
 * @throws ArchiveError if the image has changed since it was written, or if another process works
 * on images
 */
export function withCopy<T>(
  parent: string,
  image: Image,
  work: (dataDir: string) => Promise<T>,
): Promise<T> {
  return alone(parent, async () => {
    const dataDir = join(parent, `${unfinishedPrefix}${image.id}`);
    await copyImage(image, join(dataDir, 'eventstore'));
    return work(dataDir);
  });
}

/** Lets only one process work at a time, and removes unfinished files. */
async function alone<T>(parent: string, work: () => Promise<T>): Promise<T> {
  await mkdir(parent, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new ArchiveError(`${parent} cannot be made (${error.message})`);
  });
  const lock = lockParent(parent);
  try {
    await removeUnfinished(parent);
    return await work();
  } finally {
    await removeUnfinished(parent);
    lock.release();
  }
}

function lockParent(parent: string): { release(): void } {
  try {
    return lockFile(join(parent, 'images.lock'));
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    throw new ArchiveError(
      `${error.message} works on the images in ${parent} now: try again later`,
    );
  }
}

async function removeUnfinished(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(unfinishedPrefix)) continue;
    await rm(join(parent, name), { recursive: true, force: true });
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function hashFile(path: string): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, sha256: hash.digest('hex') };
}

/** Why an image differs from the image that was written; undefined if it does not. */
export async function faultOf({ directory, manifest }: Image): Promise<string | undefined> {
  if (manifest === undefined) return `${manifestName} is missing, damaged or of another version`;
  const found = await hashFile(join(directory, logName)).catch((error: Error) => error);
  if (found instanceof Error) return `${logName} cannot be read (${found.message})`;
  if (found.size !== manifest.bytes) {
    return `${logName} has ${found.size} bytes of ${manifest.bytes}`;
  }
  return found.sha256 === manifest.sha256 ? undefined : `${logName} is not what was written`;
}

/**
 * Copies an image to the directory of an event store, and flushes it.
 * @param directory the event store's directory, which must not exist
 * @throws ArchiveError if the copy differs from the image that was written
 */
export async function copyImage(image: Image, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of [logName, formatName]) {
    await copyFile(join(image.directory, name), join(directory, name));
    const file = await open(join(directory, name), 'r+');
    await file.sync().finally(() => file.close());
  }
  await syncDirectory(directory);
  const fault = await faultOf({ ...image, directory, manifest: image.manifest });
  if (fault !== undefined) throw new ArchiveError(`${image.directory}: ${fault}`);
}

/** Removes images for good. */
export async function removeImages(images: readonly Image[]): Promise<void> {
  for (const { directory, id } of images) {
    const gone = join(directory, '..', unfinishedPrefix + id);
    await rename(directory, gone);
    await rm(gone, { recursive: true, force: true });
  }
}

/** Is there anything in a directory? */
export async function hasContent(directory: string): Promise<boolean> {
  if ((await stat(directory).catch(ifMissing(undefined))) === undefined) return false;
  return (await readdir(directory)).length > 0;
}
