import {
  EventStoreRefused,
  LogDiffers,
  type LogPlace,
  placeOf,
} from '../commands/core/event-store.ts';
import { archivedPrefixes } from '../events/streams.ts';
import type { OrderedAppends, RawEvent, RawLog } from '../infrastructure/raw-log.ts';
import { pause } from '../support/pause.ts';
import { expectedOf, isOfOtherLog, type Restorable, restorableIn } from './restorable.ts';

/** Consecutive events of one stream become one append, with at most so many events and bytes. */
const appendEventsMax = 256;
const appendBytesMax = 256 * 1024;
/** Appends, and their bytes, that wait for an answer at the same time. */
const windowAppends = 64;
const windowBytesMax = 8 * 1024 * 1024;
/**
 * After so many failed tries in a row, the restore gives up. Between two tries is a pause, in
 * milliseconds.
 */
const triesMax = 60;
const againMs = 1_000;

/** The log cannot get the events of the archive. The message says why. */
export class RestoreError extends Error {}

export interface RestoreOptions {
  readonly directory: string;
  /** The number of events of the archive. */
  readonly count: number;
  readonly log: RawLog;
  readonly signal: AbortSignal;
  /** Called with the number of events that are in the log and were compared. */
  readonly onProgress?: (events: number) => void;
  /** Called with temporary errors, for example if the store is away. */
  readonly onTrouble?: (error: unknown) => void;
}

/**
 * Writes an archive's events to a log, in the archive's order, and compares each of them. It does
 * not write events again that are already there. So an operator can run an interrupted restore
 * again. After each failure, it reads the log to find out which events are there.
 * @throws RestoreError if the log has a different event
 */
export async function restoreEvents(options: RestoreOptions): Promise<void> {
  const { count, signal, onTrouble = () => {} } = options;
  let present: Present = { events: 0, place: null };
  let failure: unknown;
  for (let tries = 0; tries < triesMax; tries += 1) {
    signal.throwIfAborted();
    try {
      const before = present.events;
      present = await compare(options, present);
      if (present.events === count) return;
      if (present.events > before) tries = 0;
      await write(options, present.events);
    } catch (error) {
      if (error instanceof RestoreError) throw error;
      const isFinal = error instanceof LogDiffers || error instanceof EventStoreRefused;
      if (isFinal) throw new RestoreError(error.message, { cause: error });
      failure = error;
      onTrouble(error);
      await pause(againMs, signal);
    }
  }
  const why = failure instanceof Error ? failure.message : 'the log has not what it took';
  throw new RestoreError(`nothing more could be written: ${why}. Run it again: it goes on.`);
}

/** The part of the archive that the log has. */
interface Present {
  readonly events: number;
  /** The place after the last of them; null for the log's start. */
  readonly place: LogPlace | null;
}

/**
 * Reads the further events of the log and compares them with the archive.
 * @throws RestoreError if they differ
 */
async function compare(
  { directory, count, log, signal, onProgress = () => {} }: RestoreOptions,
  present: Present,
): Promise<Present> {
  const wanted = restorableIn(directory, count);
  for (let n = 0; n < present.events; n += 1) await wanted.next();
  let { events, place } = present;
  const reading = log.subscribe({ after: place, prefixes: archivedPrefixes, signal });
  for await (const message of reading) {
    if (message.kind === 'caught-up') break;
    if (message.kind !== 'event') continue;
    const { event } = message;
    place = placeOf(event);
    if (isOfOtherLog(event.stream)) continue;
    const next = await wanted.next();
    if (next.done) {
      throw new RestoreError(
        `the log has event ${event.revision}@${event.stream}, which the archive has not: something else writes to it`,
      );
    }
    const difference = differenceOf(event, next.value);
    if (difference !== undefined) {
      const at = `${next.value.revision}@${next.value.stream}`;
      throw new RestoreError(
        `the log has ${event.revision}@${event.stream} (${event.id}) where the archive has ${at}: ${difference}. ` +
          'Empty the event store, and restore again.',
      );
    }
    events += 1;
    onProgress(events);
  }
  await wanted.return();
  return { events, place };
}

function differenceOf(found: RawEvent, { stream, revision, isTombstone, event }: Restorable) {
  if (found.stream !== stream) return 'the stream is another';
  if (isTombstone) return found.type === event.type ? undefined : 'the stream is not deleted';
  if (found.id !== event.id) return 'the event is another';
  if (found.revision !== revision) return 'the revision is another';
  if (found.type !== event.type) return 'the type is another';
  if (found.contentType !== event.contentType) return 'the content type is another';
  if (Buffer.compare(found.data, event.data) !== 0) return 'the data is another';
  if (Buffer.compare(found.metadata, event.metadata) !== 0) return 'the metadata is another';
  return undefined;
}

/**
 * Appends the archive's events from a given one on.
 * @throws the error of an append. Then the log has some of the events, in their order
 */
async function write(options: RestoreOptions, from: number): Promise<void> {
  const { directory, count, log, signal } = options;
  const appends = await log.openAppends();
  const window = new Window(appends);
  try {
    let run: Restorable[] = [];
    let bytes = 0;
    let n = 0;
    for await (const one of restorableIn(directory, count)) {
      n += 1;
      if (n <= from) continue;
      signal.throwIfAborted();
      const size = one.event.data.length + one.event.metadata.length;
      const isNext =
        run.length < appendEventsMax &&
        bytes + size <= appendBytesMax &&
        one.stream === run[0]?.stream &&
        !one.isTombstone;
      if (!isNext) {
        await window.send(run, bytes);
        run = [];
        bytes = 0;
      }
      if (one.isTombstone) {
        await window.empty();
        await log.tombstone(one.stream);
        continue;
      }
      run.push(one);
      bytes += size;
    }
    await window.send(run, bytes);
    await window.empty();
  } finally {
    appends.close();
  }
}

/**
 * Appends that wait for an answer. After a failed append, no more are sent, because later events
 * must not be in the log before it.
 */
class Window {
  readonly #appends: OrderedAppends;
  readonly #underWay = new Set<Promise<void>>();
  #bytes = 0;
  #failure: unknown;

  constructor(appends: OrderedAppends) {
    this.#appends = appends;
  }

  async send(run: readonly Restorable[], bytes: number): Promise<void> {
    const [first] = run;
    if (first === undefined) return;
    while (this.#underWay.size >= windowAppends || this.#bytes > windowBytesMax) {
      await Promise.race(this.#underWay);
    }
    await this.#check();
    this.#bytes += bytes;
    const sent = this.#appends
      .send(
        first.stream,
        expectedOf(first),
        run.map(({ event }) => event),
      )
      .then((result) => {
        if (result.ok) return;
        const expected = `${first.revision}@${first.stream}`;
        throw new Error(`${expected} cannot be appended: the stream is at ${result.actual}`);
      })
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#bytes -= bytes;
        this.#underWay.delete(sent);
      });
    this.#underWay.add(sent);
  }

  /**
   * Waits for all appends.
   * @throws the first failure
   */
  async empty(): Promise<void> {
    await Promise.all(this.#underWay);
    await this.#check();
  }

  async #check(): Promise<void> {
    if (this.#failure === undefined) return;
    await Promise.all(this.#underWay);
    throw this.#failure;
  }
}
