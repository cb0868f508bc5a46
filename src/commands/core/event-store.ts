import type { RecordedEvent } from '../../events/codec.ts';
import type { DomainEvent, EventMetadata } from '../../events/events.ts';
import { eventAt, type LogPosition } from '../../events/log-position.ts';

/** The port to the log. `infrastructure/eventstoredb.ts` is the one implementation. */
export interface EventStore {
  /**
   * Appends atomically, and answers once the events are durable. Retries an unclear outcome itself
   * with the same event ids and the same expected revision until `timeoutMs` (default: the store's
   * own), so an answer is final.
   * @throws EventStoreUnavailable when no answer came in time: the events may or may not be there,
   * unless the error says that nothing was written
   */
  append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    options?: { readonly timeoutMs?: number },
  ): Promise<AppendResult>;

  /**
   * A stream's events, oldest first, from a revision (inclusive; default 0), `countMax` at most
   * (default all). A stream that does not exist is empty.
   * @throws EventStoreUnavailable
   */
  readStream(stream: string, from?: bigint, countMax?: number): AsyncIterable<RecordedEvent>;

  /**
   * A stream's events, newest first; end the iteration when enough was seen. A stream that does not
   * exist is empty.
   * @throws EventStoreUnavailable
   */
  readBackwards(stream: string): AsyncIterable<RecordedEvent>;

  /**
   * The log's events whose stream starts with one of the prefixes, after a place (null: from the
   * start), then live ones for as long as the iteration goes on. Survives an outage of the store:
   * it resubscribes after the last message delivered, with jitter, so each event comes exactly
   * once, in order. Ends when `signal` aborts.
   * @throws LogDiffers when the log does not have what was read from it before, now or after a
   * resubscription: it was exchanged, or put back to an older copy, or this node is behind
   */
  subscribe(options: {
    readonly after: LogPlace | null;
    readonly prefixes: readonly string[];
    readonly signal: AbortSignal;
  }): AsyncIterable<LogMessage>;

  /**
   * The commit position of the log's newest event, null in an empty log.
   * @throws EventStoreUnavailable
   */
  head(): Promise<bigint | null>;

  /**
   * Raised each time the connection that appends was lost. What was remembered of a stream before
   * may differ from what the log has now: the log may have been put back to an older copy
   * meanwhile.
   */
  readonly epoch: number;

  /** Answers within `timeoutMs` whether the store can be reached. Never throws. */
  reachable(timeoutMs: number): Promise<boolean>;

  close(): Promise<void>;
}

/** The store takes so much in one append at most, in bytes: EventStoreDB's default. */
export const storeAppendBytesMax = 1_048_576;

/** A revision that the stream must have, or that it must not exist. */
export type ExpectedRevision = bigint | 'no_stream';

export interface NewEvent {
  /** UUID, new for each append: sent again with the same ids, it is written once. */
  readonly id: string;
  readonly event: DomainEvent;
  readonly metadata: EventMetadata;
}

export type AppendResult =
  | { readonly ok: true; readonly revision: bigint; readonly position: bigint }
  | { readonly ok: false; readonly actual: ExpectedRevision };

export type LogMessage<Event = RecordedEvent> =
  | { readonly kind: 'event'; readonly event: Event }
  /** Everything up to here was looked at: a checkpoint may move although no event matched. */
  | { readonly kind: 'checkpoint'; readonly position: LogPosition }
  /** History is over; what follows is live. Comes again after each resubscription. */
  | { readonly kind: 'caught-up' };

/** A store like this one, with another way to append. */
export const withAppend = (store: EventStore, append: EventStore['append']): EventStore => ({
  append,
  readStream: (...given) => store.readStream(...given),
  readBackwards: (stream) => store.readBackwards(stream),
  subscribe: (options) => store.subscribe(options),
  head: () => store.head(),
  get epoch() {
    return store.epoch;
  },
  reachable: (timeoutMs) => store.reachable(timeoutMs),
  close: () => store.close(),
});

/** The last event of a stream that was deleted for ever: the store's own, and no event of ours. */
export const tombstoneType = '$streamDeleted';

/** Where a reader of the log is. */
export interface LogPlace {
  /** Everything up to here was read. */
  readonly position: LogPosition;
  /**
   * The last event of the reader's streams at or before it, by which the log is known again;
   * undefined when the reader has had none, or does not know it.
   */
  readonly event?: EventMark | undefined;
}

/** Which event was read, and where. */
export interface EventMark {
  readonly position: bigint;
  /** Null when it is no longer known. */
  readonly id: string | null;
}

/** Where a reader is that has just had an event. */
export const placeOf = ({ position, id }: EventMark): LogPlace & { readonly event: EventMark } => ({
  position: eventAt(position),
  event: { position, id },
});

/**
 * The log is not what was read from it before. Either it lacks the event that was read last: it is
 * another log, or an older copy, or behind, and the right one may come back. Or it has an event
 * where nobody will look again, and waiting does not help.
 */
export class LogDiffers extends Error {
  /** May the log be the right one later? */
  readonly mayPass: boolean;

  private constructor(message: string, mayPass: boolean) {
    super(message);
    this.name = 'LogDiffers';
    this.mayPass = mayPass;
  }

  static lacks({ position, id }: EventMark, found: string): LogDiffers {
    const event = `event ${id ?? '(of unknown id)'} at position ${position}`;
    return new LogDiffers(`the log does not have ${event}, which was read before: ${found}`, true);
  }

  static hasMore({ position, id }: EventMark, why: string): LogDiffers {
    return new LogDiffers(`the log has event ${id} at position ${position}, ${why}`, false);
  }
}

/** The log gave no answer in time. HTTP says 503 with Retry-After. */
export class EventStoreUnavailable extends Error {
  /** It is certain that nothing was written, nor will be; false: it is not known. */
  readonly wroteNothing: boolean;

  constructor(message: string, cause?: unknown, { wroteNothing = false } = {}) {
    super(message, { cause });
    this.name = 'EventStoreUnavailable';
    this.wroteNothing = wroteNothing;
  }
}

/**
 * The store understood and refused, for a reason that a quick retry does not change: a stream
 * deleted for ever, an append above its limit, a login or a connection that is refused. HTTP says
 * 503 with the store's words.
 */
export class EventStoreRefused extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'EventStoreRefused';
  }
}

/** The stream takes no more events, and its events are gone: nothing can be decided on it. */
export class StreamDeleted extends EventStoreRefused {
  constructor(doing: string, cause?: unknown) {
    super(`${doing}the stream is deleted for ever (a tombstone)`, cause);
    this.name = 'StreamDeleted';
  }
}

/** What failed before anything could be sent: the same error, saying so. */
export const withNothingWritten = (error: unknown): unknown =>
  error instanceof EventStoreUnavailable && !error.wroteNothing
    ? new EventStoreUnavailable(error.message, error, { wroteNothing: true })
    : error;
