import type { Readable } from 'node:stream';
import {
  type AllStreamResolvedEvent,
  BACKWARDS,
  END,
  type EventStoreDBClient,
  FORWARDS,
  type ResolvedEvent,
} from '@eventstore/db-client';
import { EventStoreUnavailable } from '../../commands/core/event-store.ts';
import { type RecordedEvent, recordedMs } from '../../events/codec.ts';
import type { EventStoreBounds } from './bounds.ts';
import type { Connection } from './connection.ts';
import { isStreamNotFound, isTransient, messageOf, NoAnswer, refused } from './failures.ts';
import { answerWithin } from './timing.ts';

/**
 * A stream's events from a revision (inclusive; undefined: from its end), `countMax` at most. A
 * broken read continues after the last delivered event, on another connection, if there is progress
 * within `readTimeoutMs`. It reads from the leader. If an append was just refused because of an
 * event, another node may not have that event yet.
 */
export async function* readStream(
  connection: Connection,
  bounds: EventStoreBounds,
  stream: string,
  from: bigint | undefined,
  {
    direction = FORWARDS,
    countMax = Number.POSITIVE_INFINITY,
  }: {
    readonly direction?: typeof FORWARDS | typeof BACKWARDS;
    readonly countMax?: number | undefined;
  } = {},
): AsyncGenerator<RecordedEvent, void, undefined> {
  let wanted = countMax;
  const step = direction === FORWARDS ? 1n : -1n;
  let next = from;
  let progressMs = performance.now();
  const leftMs = (): number => Math.max(0, bounds.readTimeoutMs - (performance.now() - progressMs));
  for (;;) {
    let client: EventStoreDBClient | undefined;
    try {
      client = await answerWithin(leftMs(), 'connecting', connection.client());
      const read = client.readStream(
        stream,
        {
          direction,
          fromRevision: next ?? END,
          requiresLeader: true,
          ...(wanted === Number.POSITIVE_INFINITY ? {} : { maxCount: wanted }),
        },
        { highWaterMark: bounds.readAheadEvents },
      );
      for await (const { event } of items<ResolvedEvent>(
        read,
        Math.min(bounds.answerMs, leftMs()),
      )) {
        if (event === undefined) continue;
        next = event.revision + step;
        wanted -= 1;
        yield toRecorded(event);
        if (next < 0n) return; // backwards past the first event there is nothing to ask for
        progressMs = performance.now();
      }
      connection.worked();
      return;
    } catch (error) {
      if (isStreamNotFound(error) || wanted === 0) return;
      if (error instanceof EventStoreUnavailable) throw error;
      if (!isTransient(error)) throw refused(`read ${stream}`, error);
      connection.failed(client, error);
      if (leftMs() === 0) throw unavailable(`read ${stream}`, error);
    }
  }
}

/**
 * Position of the log's newest event and the stream it is on; null for an empty log. Tries until
 * `timeoutMs`.
 */
export async function newestEvent(
  connection: Connection,
  bounds: EventStoreBounds,
  timeoutMs: number,
): Promise<Newest | null> {
  const endMs = performance.now() + timeoutMs;
  const leftMs = (): number => Math.max(0, endMs - performance.now());
  let silenceMs = 0;
  for (;;) {
    let client: EventStoreDBClient | undefined;
    try {
      client = await answerWithin(leftMs(), 'connecting', connection.client());
      silenceMs = Math.min(bounds.answerMs, leftMs());
      const newest = await newestOn(client, silenceMs);
      connection.worked();
      return newest;
    } catch (error) {
      if (error instanceof EventStoreUnavailable) throw error;
      if (!isTransient(error)) throw refused('read the end of the log', error);
      // If a caller has little time, its timeout says little about the connection that others use.
      const impatient = error instanceof NoAnswer && silenceMs < bounds.answerMs;
      if (impatient) connection.silent(client, error, endMs - timeoutMs);
      else connection.failed(client, error);
      if (leftMs() === 0) throw unavailable('read the end of the log', error);
    }
  }
}

export interface Newest {
  readonly position: bigint;
  readonly stream: string;
}

/** One try on one client. */
export async function newestOn(
  client: EventStoreDBClient,
  silenceMs: number,
): Promise<Newest | null> {
  const read = client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 });
  for await (const { event } of items<AllStreamResolvedEvent>(read, silenceMs)) {
    if (event !== undefined) {
      return { position: event.position.commit, stream: event.streamId };
    }
  }
  return null;
}

/** The common interface of the client's reads and subscriptions. */
type Cancellable = Readable & { cancel(): Promise<void> };

/**
 * A read's items. If the server is silent for `silenceMs`, it ends with NoAnswer. A slow consumer
 * does not count as silence.
 */
async function* items<T>(read: Cancellable, silenceMs: number): AsyncGenerator<T, void, undefined> {
  read.on('error', () => {}); // also after the iteration is over, when nobody else listens
  let waiting = false;
  let taken = 0;
  const timer = setTimeout(() => {
    const before = taken;
    // This process itself may have been paused. Therefore the bytes in the socket are read before
    // the server counts as silent.
    setImmediate(() => {
      if (waiting && taken === before) read.destroy(new NoAnswer(`no event in ${silenceMs} ms`));
    });
  }, silenceMs);
  let ended = false;
  try {
    const iterator = read[Symbol.asyncIterator]() as AsyncIterator<T, void>;
    for (;;) {
      waiting = true;
      timer.refresh();
      const item = await iterator.next().catch((error) => {
        // Any other error has already ended the call. Cancelling it then would only reset it, and
        // too many resets end the connection.
        ended = !(error instanceof NoAnswer);
        throw error;
      });
      waiting = false;
      taken += 1;
      if (item.done) break;
      yield item.value;
    }
    ended = true;
  } finally {
    clearTimeout(timer);
    if (!ended) {
      read.destroy();
      read.cancel().catch(() => {}); // the client failed before it made a call
    }
  }
}

type ClientEvent =
  | NonNullable<ResolvedEvent['event']>
  | NonNullable<AllStreamResolvedEvent['event']>;

/**
 * The client's event in the port's form. Everything that Reprise stores is a JSON object. Other
 * data, and data that cannot be parsed (the client returns its text), becomes undefined. The codec
 * reports this as unreadable.
 */
export function toRecorded(event: ClientEvent): RecordedEvent {
  const isObject = event.isJson && typeof event.data === 'object' && event.data !== null;
  const metadata = event.metadata instanceof Uint8Array ? undefined : event.metadata;
  return {
    id: event.id,
    stream: event.streamId,
    revision: event.revision,
    position: event.position?.commit ?? 0n,
    type: event.type,
    createdMs: recordedMs(metadata) ?? event.created.getTime(),
    data: isObject ? event.data : undefined,
    metadata,
  };
}

function unavailable(doing: string, error: unknown): EventStoreUnavailable {
  return new EventStoreUnavailable(`${doing}: ${messageOf(error)}`, error);
}
