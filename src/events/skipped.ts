import { decode, type RecordedEvent, UnreadableEvent } from './codec.ts';
import { skippedStream } from './streams.ts';

/**
 * Skipped events could not be read, and now count for nothing. A later `EventSkipped` in the same
 * stream, the mark, says so. A reader of a whole stream finds the marks in it. A reader of the log
 * must load the known marks first, from `skippedStream`, and then learns new marks as it reads
 * them.
 */

/**
 * The largest number of skipped events in one log, and of announcements. Each reader reads all of
 * them before it begins.
 */
export const skipsMax = 1_000;

/** Marks that are searched at the same time. */
const checksAtOnce = 16;

/** The part of the log's port that is needed here. */
interface Streams {
  readStream(stream: string, from?: bigint): AsyncIterable<RecordedEvent>;
}

/** Which event is skipped. */
export interface Skip {
  readonly stream: string;
  readonly revision: bigint;
  readonly eventId: string;
}

/** The skips that a reader knows. */
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

/** Is the event a mark, of any version? */
export const isMark = ({ type }: Pick<RecordedEvent, 'type'>): boolean => type === 'EventSkipped';

/**
 * The skip of a mark. Undefined if the event is not a mark, or if it names an event that is not
 * before it.
 * @throws UnreadableEvent
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
  /** The position of the event in the log. */
  readonly position: bigint;
  readonly markRevision: bigint;
  readonly markId: string;
}

/**
 * All announcements so far, and the revision of the last one. An unreadable announcement has no
 * effect.
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
 * All current skips: those that were announced and have their mark. This needs one read of a
 * stream, and one more for each announcement.
 * @param of only skips of this stream
 * @throws the errors of the log's port
 */
export async function readSkips(log: Streams, of?: string): Promise<Skips> {
  const skips = new Skips();
  for (const one of await readMarked(log, of)) skips.add(one);
  return skips;
}

/**
 * The same, with the position of each event.
 * @param of only skips of this stream
 */
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
