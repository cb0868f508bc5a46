import { LogDiffers, placeOf } from '../commands/core/event-store.ts';
import { archivedPrefixes } from '../events/streams.ts';
import type { RawEvent, RawLog } from '../infrastructure/raw-log.ts';
import { ArchiveError, type ArchiveWriter } from './archive-writer.ts';
import { SegmentText } from './segment.ts';

/** What an archive of a log is told. */
export interface ArchiveLogOptions {
  readonly log: RawLog;
  readonly writer: ArchiveWriter;
  /** Goes on with what comes, until the signal; else ends where the log ends. */
  readonly follow: boolean;
  /** Events wait so long at most until they are written, in milliseconds. */
  readonly flushMs: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ArchiveProgress) => void;
  /** The archive has all that the log has. */
  readonly onCaughtUp?: () => void;
}

export interface ArchiveProgress {
  /** Written by this run, by now. */
  readonly events: number;
  /** Of the last one written. */
  readonly position: string;
}

/**
 * Writes to an archive what the log has more than it. An append-only log needs no lock for that:
 * what is read up to some event is the log as it was then.
 * @returns how many events were written
 * @throws ArchiveError when the log is not the one that the archive is of, or the archive cannot
 *   be written
 */
export async function archiveLog(options: ArchiveLogOptions): Promise<number> {
  const { log, writer, follow, signal } = options;
  const filling = new Filling(options);
  const { last } = writer;
  const after = last && placeOf({ position: BigInt(last.last.position), id: last.last.id });
  const either = AbortSignal.any([signal, filling.failed]);
  try {
    const messages = log.subscribe({
      after: after ?? null,
      prefixes: archivedPrefixes,
      signal: either,
    });
    for await (const message of messages) {
      if (message.kind === 'event') await filling.add(message.event);
      if (message.kind !== 'caught-up') continue;
      filling.isAtEnd = true;
      options.onCaughtUp?.();
      if (!follow) break;
    }
    await filling.end();
  } catch (error) {
    // What was read is good, whatever came then.
    await filling.end();
    throw error instanceof LogDiffers ? isOther(writer.directory, error) : error;
  } finally {
    filling.stop();
  }
  return filling.written;
}

function isOther(directory: string, { message }: LogDiffers): ArchiveError {
  return new ArchiveError(
    `the archive ${directory} is of another log, or this one was put back to an older state: ${message}. ` +
      'Nothing was written. Keep this archive, and begin another one with reprise backup create --new.',
  );
}

/** Fills one segment while the one before it is written: what is in memory are two at most. */
class Filling {
  readonly #options: ArchiveLogOptions;
  readonly #failed = new AbortController();
  readonly #seenTimer: NodeJS.Timeout;
  #text = new SegmentText();
  #flushTimer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isBusy = false;
  #written = 0;
  /** All that the log had was read. */
  isAtEnd = false;

  constructor(options: ArchiveLogOptions) {
    this.#options = options;
    this.#seenTimer = setInterval(() => this.#seen(), options.flushMs);
  }

  /** Aborted when the archive could not be written. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  get written(): number {
    return this.#written;
  }

  async add(event: RawEvent): Promise<void> {
    this.#text.add(event);
    if (this.#text.isFull) await this.#writing;
    if (this.#text.isFull) this.#flush();
    else this.#arm();
  }

  /** Writes what is left. @throws ArchiveError */
  async end(): Promise<void> {
    this.#flush();
    await this.#writing;
    this.#failed.signal.throwIfAborted();
    if (this.isAtEnd) await this.#options.writer.seen(new Date());
  }

  stop(): void {
    clearTimeout(this.#flushTimer);
    clearInterval(this.#seenTimer);
  }

  /** What comes while one segment is written goes into the next: there are never more. */
  #arm(): void {
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = undefined;
      if (this.#isBusy) this.#arm();
      else this.#flush();
    }, this.#options.flushMs);
  }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    if (this.#text.events === 0) return;
    const text = this.#text;
    this.#text = new SegmentText();
    this.#after(async () => {
      const { last } = await this.#options.writer.write(text);
      this.#written += text.events;
      this.#options.onProgress?.({ events: this.#written, position: last.position });
    });
  }

  #seen(): void {
    if (!this.isAtEnd || this.#text.events > 0 || this.#isBusy) return;
    this.#after(async () => {
      const at = new Date();
      if (await this.#hasAll()) await this.#options.writer.seen(at);
    });
  }

  /** A store that is away for a moment is none of the archive's faults: then nothing was seen. */
  async #hasAll(): Promise<boolean> {
    const newest = await this.#options.log.newest().catch(() => undefined);
    if (newest === undefined) return false;
    const isArchived = archivedPrefixes.some((prefix) => newest?.stream.startsWith(prefix));
    const last = BigInt(this.#options.writer.last?.last.position ?? -1);
    return !isArchived || newest === null || newest.position <= last;
  }

  /** One thing at a time, and nothing more once something failed. */
  #after(work: () => Promise<unknown>): void {
    this.#writing = this.#writing.then(async () => {
      if (this.#failed.signal.aborted) return;
      this.#isBusy = true;
      await work().catch((error: unknown) => this.#failed.abort(error));
      this.#isBusy = false;
    });
  }
}
