import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type FileLock, LockHeld, lockFile } from '../../embedded/file-lock.ts';
import { syncDirectory, writeDurably } from '../support/durable-files.ts';
import {
  entryOf,
  ifMissing,
  loadSegment,
  lockName,
  type ManifestEntry,
  manifestName,
  readManifest,
  seenName,
  segmentName,
  segmentsIn,
  unfinishedSuffix,
} from './archive.ts';
import { formatVersion, SegmentDamaged, type SegmentHead, type SegmentText } from './segment.ts';

/**
 * The largest number of segments in one archive. Then begin a new archive, which has fewer and
 * larger segments.
 */
export const segmentsMax = 100_000;

/** The archive cannot be written. The message says what to do. Its content is as good as before. */
export class ArchiveError extends Error {}

/** `at`: ISO 8601. `position`: the position of the archive's last event, null without one. */
type OnSeen = (seen: { readonly at: string; readonly position: string | null }) => Promise<void>;

export interface WriterOptions {
  /** The version of this program. Each segment names it. */
  readonly version: string;
  /** Called when the archive is known to have all events of the log. Must not reject. */
  readonly onSeen?: OnSeen;
}

/** The one writer of an archive. */
export class ArchiveWriter {
  readonly directory: string;
  readonly #id: string;
  readonly #version: string;
  readonly #lock: FileLock;
  readonly #onSeen: OnSeen;
  #last: ManifestEntry | undefined;

  private constructor(
    directory: string,
    parts: { id: string; lock: FileLock; last: ManifestEntry | undefined } & WriterOptions,
  ) {
    this.directory = directory;
    this.#id = parts.id;
    this.#version = parts.version;
    this.#lock = parts.lock;
    this.#onSeen = parts.onSeen ?? (async () => {});
    this.#last = parts.last;
  }

  /**
   * Opens an archive to continue it. The directory must exist. It removes unfinished files of a
   * crash, or adds finished segments to the manifest.
   * @throws ArchiveError if another process has the archive, or if its last segment is damaged
   */
  static async open(directory: string, options: WriterOptions): Promise<ArchiveWriter> {
    const lock = lockArchive(directory);
    try {
      const { last, id = basename(directory) } = await completeManifest(directory);
      await rm(join(directory, unfinishedName((last?.segment ?? 0) + 1)), { force: true });
      return new ArchiveWriter(directory, { ...options, id, lock, last });
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** The segment written last. */
  get last(): ManifestEntry | undefined {
    return this.#last;
  }

  get isFull(): boolean {
    return (this.#last?.segment ?? 0) >= segmentsMax;
  }

  /**
   * Writes the next segment. When it resolves, the segment is on disk.
   * @throws ArchiveError. Then nothing of the segment was written
   */
  async write(text: SegmentText): Promise<ManifestEntry> {
    const last = this.#last;
    const head: SegmentHead = {
      reprise: 'backup',
      format: formatVersion,
      archive: this.#id,
      segment: (last?.segment ?? 0) + 1,
      previous: last?.sha256 ?? null,
      after: last?.last ?? null,
      writtenAt: new Date().toISOString(),
      version: this.#version,
    };
    const { bytes, end } = await text.close(head);
    await this.#put(head.segment, bytes);
    const entry = entryOf({ head, end, events: [] }, bytes);
    this.#last = entry;
    // The manifest need not be flushed, because it can be made from the segments again.
    await appendFile(join(this.directory, manifestName), `${JSON.stringify(entry)}\n`, {
      mode: 0o600,
    }).catch(this.#failed);
    return entry;
  }

  /** Notes that at this time the log had no more events than the archive. */
  async seen(at: Date): Promise<void> {
    const path = join(this.directory, seenName);
    const seen = { at: at.toISOString(), position: this.#last?.last.position ?? null };
    try {
      await writeFile(`${path}${unfinishedSuffix}`, `${JSON.stringify(seen)}\n`, { mode: 0o600 });
      await rename(`${path}${unfinishedSuffix}`, path);
    } catch (error) {
      this.#failed(error as NodeJS.ErrnoException);
    }
    await this.#onSeen(seen);
  }

  close(): void {
    this.#lock.release();
  }

  /** After a loss of power, a file with this name is complete or absent. */
  async #put(segment: number, bytes: Buffer): Promise<void> {
    const unfinished = join(this.directory, unfinishedName(segment));
    try {
      await writeDurably(unfinished, bytes);
      await rename(unfinished, join(this.directory, segmentName(segment)));
      await syncDirectory(this.directory);
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {});
      this.#failed(error as NodeJS.ErrnoException);
    }
  }

  readonly #failed = ({ code, message }: NodeJS.ErrnoException): never => {
    const why = code === 'ENOSPC' ? 'its disk is full: make room' : message;
    throw new ArchiveError(
      `the archive ${this.directory} could not be written (${why}). What it had is as good as before; run the command again.`,
    );
  };
}

const unfinishedName = (segment: number): string => `${segmentName(segment)}${unfinishedSuffix}`;

function lockArchive(directory: string): FileLock {
  try {
    return lockFile(join(directory, lockName));
  } catch (error) {
    const { message } = error as Error;
    throw new ArchiveError(
      error instanceof LockHeld
        ? `the archive ${directory} is in use: ${message} writes to it`
        : `the archive ${directory} cannot be written (${message})`,
    );
  }
}

/**
 * Updates the manifest from the segments.
 * @returns its last line, and the archive's id in the segments
 * @throws ArchiveError if the segments do not form one archive
 */
async function completeManifest(
  directory: string,
): Promise<{ readonly last: ManifestEntry | undefined; readonly id: string | undefined }> {
  const segments = await segmentsIn(directory);
  const entries = await readManifest(directory);
  const lost = segments.findIndex((segment, index) => segment !== index + 1);
  if (lost >= 0 || entries.length > segments.length) {
    throw unusable(directory, `lacks segment ${lost >= 0 ? lost + 1 : segments.length + 1}`);
  }
  let id: string | undefined;
  // The last segment is always read, because the next one must follow it.
  for (const segment of segments.slice(Math.min(entries.length, segments.length - 1))) {
    const { entry, head } = await loadSegment(directory, segment).catch((error: unknown) => {
      if (!(error instanceof SegmentDamaged)) throw error;
      throw unusable(directory, `is damaged in segment ${segment}: ${error.message}`);
    });
    const told = entries[segment - 1];
    if (told !== undefined && told.sha256 !== entry.sha256) {
      throw unusable(directory, `has another segment ${segment} than it was given`);
    }
    entries[segment - 1] = entry;
    id = head.archive;
  }
  await writeManifest(directory, entries);
  return { last: entries.at(-1), id };
}

function unusable(directory: string, what: string): ArchiveError {
  return new ArchiveError(
    `the archive ${directory} ${what}. See reprise backup verify; reprise backup create --new begins another one.`,
  );
}

async function writeManifest(directory: string, entries: readonly ManifestEntry[]): Promise<void> {
  const path = join(directory, manifestName);
  const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  if (text === (await readFile(path, 'utf8').catch(ifMissing('')))) return;
  await writeFile(`${path}${unfinishedSuffix}`, text, { mode: 0o600 });
  await rename(`${path}${unfinishedSuffix}`, path);
}
