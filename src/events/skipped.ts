import { decode, type RecordedEvent, UnreadableEvent } from './codec.ts';
import { skippedStream } from './streams.ts';

/**
 * Skipped events could not be read, and now count for nothing. A later `EventSkipped` in the same
 * stream, the mark, says so. A reader of a whole stream finds the marks in it. A reader of the log
 * must load the known marks first, from `skippedStream`, and then learns new marks as it reads
 * them.
 */

/**
 * Events that may be skipped in one log, and announcements of it: each reader reads them all before
 * it begins.
 */
export const skipsMax = 1_000;

/** Marks looked for at the same time. */
const checksAtOnce = 16;

/** As the log's port has it. */
interface Streams {
  readStream(stream: string, from?: bigint): AsyncIterable<RecordedEvent>;
}

/** Which event is skipped. */
export interface Skip {
  readonly stream: string;
  readonly revision: bigint;
  readonly eventId: string;
}

/** Those that a reader knows of. */
export class Skips {
  readonly #byId = new Map<string, Skip>();

  get size(): number {
    return this.#byId.size;
  }

  add(skip: Skip): void {
    this.#byId.set(skip.eventId, skip);
  }

  has({ id, stream, revision }: Pick<RecordedEvent, 'id' | 'stream' | 'revision'>): boolean {
    if (this.#byId.size === 0) return false;
    const skip = this.#byId.get(id);
    return skip?.stream === stream && skip.revision === revision;
  }

  knows({ eventId }: Skip): boolean {
    return this.#byId.has(eventId);
  }

  /** All of them, in the order in which they were added. */
  [Symbol.iterator](): IterableIterator<Skip> {
    return this.#byId.values();
  }
}

/** Whether the event is a mark, of any version. */
export const isMark = ({ type }: Pick<RecordedEvent, 'type'>): boolean => type === 'EventSkipped';

/**
 * What a mark skips; undefined when an event is no mark, or names what is not before it. @throws
 * UnreadableEvent
 */
export function skipIn(recorded: RecordedEvent): Skip | undefined {
  if (!isMark(recorded)) return undefined;
  const event = decode(recorded);
  if (event.type !== 'EventSkipped') return undefined;
  const { eventId } = event.data;
  const revision = BigInt(event.data.revision);
  return revision < recorded.revision ? { stream: recorded.stream, revision, eventId } : undefined;
}

/** A skip that was announced. */
export interface Announced extends Skip {
  /** Of the event in the log. */
  readonly position: bigint;
  readonly markRevision: bigint;
  readonly markId: string;
}

/**
 * What was announced so far, and the revision of the last announcement. One that cannot be read
 * announces nothing.
 */
export async function readAnnounced(
  log: Streams,
): Promise<{ readonly announced: readonly Announced[]; readonly revision: bigint | undefined }> {
  const announced: Announced[] = [];
  let revision: bigint | undefined;
  for await (const recorded of log.readStream(skippedStream)) {
    revision = recorded.revision;
    try {
      const event = decode(recorded);
      if (event.type !== 'SkipAnnounced') continue;
      const { stream, eventId, markId, ...at } = event.data;
      announced.push({
        ...{ stream, eventId, markId },
        revision: BigInt(at.revision),
        position: BigInt(at.position),
        markRevision: BigInt(at.markRevision),
      });
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) throw error;
    }
  }
  return { announced, revision };
}

/**
 * All that is skipped by now: what was announced and has its mark. One read of a stream, and one
 * more for each announcement.
 * @param of one stream's only
 * @throws what the log's port throws
 */
export async function readSkips(log: Streams, of?: string): Promise<Skips> {
  const skips = new Skips();
  for (const one of await readMarked(log, of)) skips.add(one);
  return skips;
}

/** The same, with where the log has each. @param of one stream's only */
export async function readMarked(log: Streams, of?: string): Promise<readonly Announced[]> {
  const all = (await readAnnounced(log)).announced;
  const announced = of === undefined ? all : all.filter(({ stream }) => stream === of);
  const marked: Announced[] = [];
  for (let at = 0; at < announced.length; at += checksAtOnce) {
    const some = announced.slice(at, at + checksAtOnce);
    const has = await Promise.all(some.map((one) => hasMark(log, one)));
    marked.push(...some.filter((_, n) => has[n]));
  }
  return marked;
}

async function hasMark(log: Streams, announced: Announced): Promise<boolean> {
  const { stream, revision, markRevision, markId, eventId } = announced;
  for await (const recorded of log.readStream(stream, markRevision)) {
    if (recorded.id !== markId) return false;
    try {
      const skip = skipIn(recorded);
      return skip?.eventId === eventId && skip.revision === revision;
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) throw error;
      return false;
    }
  }
  return false;
}
