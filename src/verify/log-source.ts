import {
  type AllStreamResolvedEvent,
  BACKWARDS,
  END,
  type EventStoreDBClient,
  FORWARDS,
  type ResolvedEvent,
  START,
  StreamNotFoundError,
} from '@eventstore/db-client';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { createClient, openReadCall } from '../infrastructure/eventstoredb/client.ts';
import { type Data, type LogEvent, restoredMs, Unreadable } from './finding.ts';
import { decodeLogEvent, encodeReadAll } from './log-messages.ts';
import { isOf, type Skip, skipIn, skippedStream } from './skips.ts';

/** If the log sends nothing for this long during a read, the read fails. In milliseconds. */
const silentMsMax = 15_000;

/** An event of a stream. Servers before 22.6 do not send its position. */
type StreamEvent = NonNullable<ResolvedEvent['event']>;

/**
 * Reads the log over the official client's connection, part by part, each event once and in order.
 */
export class LogReader {
  readonly #client: EventStoreDBClient;
  /** The newest event that was delivered. */
  #last: LogEvent | undefined;

  /** @param url esdb:// or esdb+discover:// connection string */
  constructor(url: string) {
    this.#client = createClient(url);
  }

  /** The newest event delivered so far, of any stream. */
  get last(): LogEvent | undefined {
    return this.#last;
  }

  /**
   * The position of the log's newest event; undefined when it is empty.
   * @throws Error when the log cannot be read
   */
  async head(): Promise<bigint | undefined> {
    const read = this.#client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 });
    let head: bigint | undefined;
    for await (const event of events(read)) head = event.position;
    return head;
  }

  /**
   * The current skips: announced skips whose stream has the mark.
   * @throws Error if they cannot be read
   */
  async skips(): Promise<Skip[]> {
    const skips: Skip[] = [];
    for await (const announced of stream(this.#client, skippedStream, START)) {
      try {
        const skip = skipIn(announced);
        for await (const event of stream(this.#client, skip.stream, skip.markRevision, 1)) {
          if (event.id === skip.markId && isOf(skip, event)) skips.push(skip);
        }
      } catch (error) {
        // The service's readers ignore it, too.
        if (!(error instanceof Unreadable)) throw error;
      }
    }
    return skips;
  }

  /**
   * Delivers the events after the last delivered one, up to a position (inclusive) or the log's
   * end.
   * @throws Error if the log cannot be read up to there
   */
  async readTo(position: bigint | undefined, see: (event: LogEvent) => void): Promise<void> {
    const from = this.#last?.position;
    if (from !== undefined && position !== undefined && position <= from) return;
    await eachEvent(openReadCall(this.#client, encodeReadAll(from), decodeLogEvent), (event) => {
      if (from !== undefined && event.position <= from) return true;
      if (position !== undefined && event.position > position) return false;
      this.#last = event;
      see(event);
      return true;
    });
  }

  /**
   * Delivers the event at a position, and all later ones. @throws Error when the log cannot be read
   */
  async readFrom(position: bigint, see: (event: LogEvent) => void): Promise<void> {
    await eachEvent(
      openReadCall(this.#client, encodeReadAll(position), decodeLogEvent),
      (event) => {
        see(event);
        return true;
      },
    );
  }

  /**
   * All events of a stream; empty if there is no such stream. @throws Error if it cannot be read
   */
  async stream(name: string): Promise<LogEvent[]> {
    const events: LogEvent[] = [];
    for await (const event of stream(this.#client, name, START)) events.push(event);
    return events;
  }

  /**
   * Closes the connection at once. The client itself would wait for ever after an interrupted read.
   */
  close(): void {
    this.#client.dispose().catch(() => {});
  }
}

/** A stream's events from a revision on. Empty if the stream does not exist. */
async function* stream(
  client: EventStoreDBClient,
  name: string,
  fromRevision: bigint | typeof START,
  maxCount = Number.MAX_SAFE_INTEGER,
): AsyncGenerator<LogEvent, void, undefined> {
  const read = client.readStream(name, { direction: FORWARDS, fromRevision, maxCount });
  try {
    for await (const { event } of read) if (event !== undefined) yield toLogEvent(event);
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
  }
}

/**
 * Passes a call's events to `see` until the call ends or `see` returns false. It is not an
 * iterator, because a turn of the event loop per event would take longer than its check.
 * @throws Error if the call breaks or is silent; errors of `see`
 */
function eachEvent(
  opening: Promise<ClientReadableStream<LogEvent | undefined>>,
  see: (event: LogEvent) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let call: ClientReadableStream<LogEvent | undefined> | undefined;
    let isOver = false;
    const end = (error?: unknown): void => {
      isOver = true;
      clearTimeout(watchdog);
      call?.cancel();
      if (error === undefined) resolve();
      else reject(error);
    };
    const watchdog = setTimeout(() => end(silence()), silentMsMax);
    const take = (event: LogEvent | undefined): void => {
      if (isOver) return;
      watchdog.refresh();
      try {
        if (event !== undefined && !see(event)) end();
      } catch (error) {
        end(error);
      }
    };
    opening.then((opened) => {
      call = opened.on('data', take).on('end', end).on('error', end);
      if (isOver) call.cancel();
    }, end);
  });
}

const silence = (): Error => new Error(`the event store sent nothing for ${silentMsMax} ms`);

/** A read's events. Silence of the server ends the read with an error. */
async function* events(
  read: ReturnType<EventStoreDBClient['readAll']>,
): AsyncGenerator<LogEvent, void, undefined> {
  const watchdog = setTimeout(() => read.destroy(silence()), silentMsMax);
  read.on('error', () => {}); // also if no caller iterates
  let ended = false;
  try {
    for await (const { event } of read) {
      watchdog.refresh();
      if (event !== undefined) yield toLogEvent(event);
    }
    ended = true;
  } finally {
    clearTimeout(watchdog);
    if (!ended) read.cancel().catch(() => {}); // the client may have failed before it made a call
  }
}

/** The client's event in the verifier's form. */
export function toLogEvent(
  event: StreamEvent | NonNullable<AllStreamResolvedEvent['event']>,
): LogEvent {
  const { schemaVersion: version, commandId } = (event.metadata ?? {}) as {
    readonly schemaVersion?: unknown;
    readonly commandId?: unknown;
  };
  const restored = restoredMs(event.metadata);
  const isObject = event.isJson && typeof event.data === 'object' && event.data !== null;
  return {
    id: event.id,
    stream: event.streamId,
    revision: event.revision,
    position: event.position?.commit ?? 0n,
    type: event.type,
    createdMs: restored ?? event.created.getTime(),
    data: isObject ? (event.data as Data) : {},
    version,
    commandId,
    isRestored: restored !== undefined,
  };
}
