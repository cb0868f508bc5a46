import { LogDiffers, placeOf } from '../commands/core/event-store.ts';
import { archivedPrefixes } from '../events/streams.ts';
import type { RawEvent, RawLog } from '../infrastructure/raw-log.ts';
import { ArchiveError, type ArchiveWriter } from './archive-writer.ts';
import { SegmentText } from './segment.ts';

/** The options of an archive of a log. */
export interface ArchiveLogOptions {
  readonly log: RawLog;
  readonly writer: ArchiveWriter;
  /** Continues with new events until the signal. Without it, ends at the end of the log. */
  readonly follow: boolean;
  /** Longest time until an event is written, in milliseconds. */
  readonly flushMs: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ArchiveProgress) => void;
  /** Called when the archive has all events of the log. */
  readonly onCaughtUp?: () => void;
}

export interface ArchiveProgress {
  /** Events that this run has written so far. */
  readonly events: number;
  /** The position of the last written event. */
  readonly position: string;
}

/**
 * Writes the new events of a log to its archive. An append-only log needs no lock for this, because
 * the events up to a position are the log of that moment.
 * @returns the number of written events
 * @throws ArchiveError if the archive belongs to another log, or cannot be written
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
    // The events that were read are good, even if an error came afterwards.
    await filling.end();
    throw error instanceof LogDiffers ? isOther(writer.directory, error) : error;
  } finally {
    filling.stop();
  }
  return filling.written;
}

function isOther(directory: string, { message }: LogDiffers): ArchiveError {
  return new ArchiveError(
    `the archive ${directory} belongs to another log, or an older copy of this log was restored: ${message}. ` +
      'Nothing was written. Keep this archive, and begin another one with reprise backup create --new.',
  );
}

/** Fills one segment while the previous one is written. So at most two segments are in memory. */
class Filling {
  readonly #options: ArchiveLogOptions;
  readonly #failed = new AbortController();
  readonly #seenTimer: NodeJS.Timeout;
  #text = new SegmentText();
  #flushTimer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isBusy = false;
  #written = 0;
  /** True if all events of the log were read. */
  isAtEnd = false;

  constructor(options: ArchiveLogOptions) {
    this.#options = options;
    this.#seenTimer = setInterval(() => this.#seen(), options.flushMs);
  }

  /** Aborts when the archive cannot be written. */
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

  /**
   * Writes the rest.
   * @throws ArchiveError
   */
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

  /**
   * Events that come while one segment is written go into the next one. There are never more than
   * these two.
   */
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

  /**
   * If the store is away for a moment, this is not a fault of the archive. Then nothing is noted.
   */
  async #hasAll(): Promise<boolean> {
    const newest = await this.#options.log.newest().catch(() => undefined);
    if (newest === undefined) return false;
    const isArchived = archivedPrefixes.some((prefix) => newest?.stream.startsWith(prefix));
    const last = BigInt(this.#options.writer.last?.last.position ?? -1);
    return !isArchived || newest === null || newest.position <= last;
  }

  /** Does one piece of work at a time, and nothing more after a failure. */
  #after(work: () => Promise<unknown>): void {
    this.#writing = this.#writing.then(async () => {
      if (this.#failed.signal.aborted) return;
      this.#isBusy = true;
      await work().catch((error: unknown) => this.#failed.abort(error));
      this.#isBusy = false;
    });
  }
}
