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

/** Segments of one archive; then it is time for another, which has few and large ones. */
export const segmentsMax = 100_000;

/**
 * The archive cannot be written to; the message says what to do. What it has is as good as before.
 */
export class ArchiveError extends Error {}

/** `at`: ISO 8601; `position`: of the archive's last event, null without one. */
type OnSeen = (seen: { readonly at: string; readonly position: string | null }) => Promise<void>;

export interface WriterOptions {
  /** Of this program: each segment names it. */
  readonly version: string;
  /** Told when the archive is known to have all that the log has. Must not reject. */
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
   * Opens an archive to go on with it; the directory must be there. What a crash left half done is
   * removed, or told in the manifest.
   * @throws ArchiveError when another process has it, or its last segment is damaged
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
   * Writes what comes next. Resolved, it is on disk.
   * @throws ArchiveError: then nothing of it is there
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
    // Not waited for on the disk: it is made from the segments again.
    await appendFile(join(this.directory, manifestName), `${JSON.stringify(entry)}\n`, {
      mode: 0o600,
    }).catch(this.#failed);
    return entry;
  }

  /** The log was looked at by now, and has no more than the archive. */
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

  /** Under its name it is there whole, or not at all, whenever the power goes. */
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
 * Brings the manifest to what the segments are.
 * @returns its last line, and what the archive is called in the segments
 * @throws ArchiveError when they are not one whole
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
  // The last one is read in any case: what is written must follow it.
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
