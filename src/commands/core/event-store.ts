import type { RecordedEvent } from '../../events/codec.ts';
import type { DomainEvent, EventMetadata } from '../../events/events.ts';
import { eventAt, type LogPosition } from '../../events/log-position.ts';

/** The port to the log. `infrastructure/eventstoredb.ts` is the one implementation. */
export interface EventStore {
  /**
   * Appends atomically, and answers once the events are durable. If the result is unclear, it tries
   * again itself until `timeoutMs` (default: the store's own), with the same event ids and the same
   * expected revision. So an answer is final.
   * @throws EventStoreUnavailable when no answer came in time. It is unknown whether the log has
   * the events, unless the error says that nothing was written
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
   * A stream's events, newest first. The caller may end the iteration at any event. A stream that
   * does not exist is empty.
   * @throws EventStoreUnavailable
   */
  readBackwards(stream: string): AsyncIterable<RecordedEvent>;

  /**
   * The log's events whose stream starts with one of the prefixes, after a place (null: from the
   * start), then live ones for as long as the iteration goes on. After an outage of the store, it
   * subscribes again from the last delivered message, with jitter. So each event comes exactly
   * once, in order. Ends when `signal` aborts.
   * @throws LogDiffers when the log does not have the events that were read from it before.
   * Somebody has replaced it by another log or an older copy, or this node is behind
   */
  subscribe(options: {
    readonly after: LogPlace | null;
    readonly prefixes: readonly string[];
    readonly signal: AbortSignal;
  }): LogMessages;

  /**
   * The commit position of the log's newest event, null in an empty log.
   * @throws EventStoreUnavailable
   */
  head(): Promise<bigint | null>;

  /**
   * Grows each time the connection for appends is lost. A state that was remembered before may then
   * differ from the log, because somebody may have restored an older copy meanwhile.
   */
  readonly epoch: number;

  /** Answers within `timeoutMs` whether the store can be reached. Never throws. */
  reachable(timeoutMs: number): Promise<boolean>;

  close(): Promise<void>;
}

/** The largest append that the store accepts, in bytes. This is EventStoreDB's default. */
export const storeAppendBytesMax = 1_048_576;

/** The revision that the stream must have, or `no_stream` if it must not exist. */
export type ExpectedRevision = bigint | 'no_stream';

export interface NewEvent {
  /**
   * A UUID that is new for each append. If the same ids are sent again, they are written only once.
   */
  readonly id: string;
  readonly event: DomainEvent;
  readonly metadata: EventMetadata;
}

export type AppendResult =
  | { readonly ok: true; readonly revision: bigint; readonly position: bigint }
  | { readonly ok: false; readonly actual: ExpectedRevision };

export type LogMessage<Event = RecordedEvent> =
  | { readonly kind: 'event'; readonly event: Event }
  /**
   * The store has searched everything up to here. A checkpoint may move although no event matched.
   */
  | { readonly kind: 'checkpoint'; readonly position: LogPosition }
  /**
   * All past events were delivered; the next events are live. Comes again after each new
   * subscription.
   */
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

/** What a subscription gives, one by one. */
export interface LogMessages<Event = RecordedEvent> extends AsyncIterable<LogMessage<Event>> {
  /**
   * The same messages. Those that came together are in one list, because to await each message of
   * a long history takes longer than to decode it. Iterate over one of the two. Undefined if the
   * store has no lists.
   */
  readonly batches?: AsyncIterable<readonly LogMessage<Event>[]>;
}

/** The messages in the lists in which they came, or each in a list of its own. */
export const inLists = (messages: LogMessages): AsyncIterable<readonly LogMessage[]> =>
  messages.batches ?? eachAlone(messages);

async function* eachAlone(
  messages: AsyncIterable<LogMessage>,
): AsyncGenerator<readonly LogMessage[], void, undefined> {
  for await (const message of messages) yield [message];
}

/** The last event of a stream that was deleted for ever. The store itself writes it. */
export const tombstoneType = '$streamDeleted';

/** Where a reader of the log is. */
export interface LogPlace {
  /** Everything up to here was read. */
  readonly position: LogPosition;
  /**
   * The last event of the reader's streams at or before the position. The reader recognises the log
   * by this event. Undefined if the reader has read no event, or does not know the last one.
   */
  readonly event?: EventMark | undefined;
}

/** Which event was read, and where. */
export interface EventMark {
  readonly position: bigint;
  /** Null when it is no longer known. */
  readonly id: string | null;
}

/** The place of a reader that has just read an event. */
export const placeOf = ({ position, id }: EventMark): LogPlace & { readonly event: EventMark } => ({
  position: eventAt(position),
  event: { position, id },
});

/**
 * The log differs from the log that was read before. There are two cases. In the first, it lacks
 * the event that was read last. It is another log, an older copy, or a node that is behind. Then
 * the right log may come back. In the second, it has an event at a place where nobody will look
 * again. Then waiting does not help.
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
  /**
   * True if it is certain that nothing was written and nothing will be. False if this is unknown.
   */
  readonly wroteNothing: boolean;

  constructor(message: string, cause?: unknown, { wroteNothing = false } = {}) {
    super(message, { cause });
    this.name = 'EventStoreUnavailable';
    this.wroteNothing = wroteNothing;
  }
}

/**
 * The store has refused a request, for a reason that a quick retry does not change. The stream was
 * deleted for ever, the append is above the limit, or the store refuses the login or the
 * connection. HTTP answers 503 with the store's message.
 */
export class EventStoreRefused extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'EventStoreRefused';
  }
}

/**
 * The stream accepts no more events, and its events are gone. So the service can decide nothing on
 * it.
 */
export class StreamDeleted extends EventStoreRefused {
  constructor(doing: string, cause?: unknown) {
    super(`${doing}the stream is deleted for ever (a tombstone)`, cause);
    this.name = 'StreamDeleted';
  }
}

/**
 * The error of an append that failed before anything was sent. The copy says that nothing was
 * written.
 */
export const withNothingWritten = (error: unknown): unknown =>
  error instanceof EventStoreUnavailable && !error.wroteNothing
    ? new EventStoreUnavailable(error.message, error, { wroteNothing: true })
    : error;
