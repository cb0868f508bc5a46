import { BACKWARDS } from '@eventstore/db-client';
import { type EventStore, EventStoreUnavailable } from '../commands/core/event-store.ts';
import { Appender } from './eventstoredb/append.ts';
import { defaultBounds, type EventStoreBounds } from './eventstoredb/bounds.ts';
import { Connection, createLink } from './eventstoredb/connection.ts';
import { messageOf } from './eventstoredb/failures.ts';
import { exceptLoopback } from './eventstoredb/proxies.ts';
import { newestEvent, readStream } from './eventstoredb/read.ts';
import { decodeReadMessage } from './eventstoredb/read-messages.ts';
import { subscribe } from './eventstoredb/subscribe.ts';

export interface EventStoreListener {
  /** Called once for each kind of message from a server that is skipped. */
  readonly onOddity?: (what: string) => void;
  /**
   * Called for each stream after an append, with its new revision and the two times of
   * `performance.now()` between which the append happened.
   */
  readonly onAppended?: (
    stream: string,
    append: { readonly revision: bigint; readonly fromMs: number; readonly toMs: number },
  ) => void;
}

/**
 * The log over `@eventstore/db-client`, safe from that client's known defects. It connects at the
 * first call. If the store is away, this function does not fail. Calls fail with
 * EventStoreUnavailable within their time limits, and work again when the store is back.
 *
 * Appends, reads and each subscription have their own client (a socket). A failure replaces only
 * the client of its kind, and does not interrupt the others.
 *
 * A stream that was deleted for ever, a refused login, or an append above the store's size limit is
 * not an outage. Such calls throw EventStoreRefused, and a subscription ends with this error.
 *
 * `head()` is the newest event of the whole log, of any stream, including the store's own streams.
 * A subscriber with prefixes reaches that position by one of its own events or by a checkpoint. The
 * store sends a checkpoint only every 32 events (EventStoreDB) and right before `caught-up`. So
 * `head` minus position is not a lag. But a subscriber always reaches a position that an append
 * returned.
 *
 * @param url esdb:// or esdb+discover:// connection string
 * @throws Error naming EVENTSTORE_URL when the connection string cannot be understood, or a file
 *   that it names cannot be read
 */
export function connectEventStore(
  url: string,
  {
    onOddity = () => {},
    onAppended = () => {},
    ...options
  }: Partial<EventStoreBounds> & EventStoreListener = {},
): EventStore {
  const bounds = { ...defaultBounds, ...options };
  const sayOnce = once(onOddity);
  exceptLoopback(url);
  assertUsable(url);
  const appends = new Connection(url, bounds);
  const reads = new Connection(url, bounds);
  const appender = new Appender(appends, bounds);
  const closing = new AbortController();

  return {
    async append(stream, expected, events, appendOptions) {
      const fromMs = performance.now();
      const result = await appender.append(stream, expected, events, appendOptions);
      if (!result.ok) return result;
      onAppended(stream, { revision: result.revision, fromMs, toMs: performance.now() });
      const position =
        result.position ?? (await positionOf(reads, bounds, stream, result.revision));
      return { ok: true, revision: result.revision, position };
    },

    readStream: (stream, from = 0n, countMax) =>
      readStream(reads, bounds, stream, from, { countMax }),
    readBackwards: (stream) =>
      readStream(reads, bounds, stream, undefined, { direction: BACKWARDS }),

    subscribe({ after, prefixes, signal }) {
      const either = AbortSignal.any([signal, closing.signal]);
      return subscribe(new Connection(url, bounds), bounds, {
        after,
        prefixes,
        signal: either,
        decode: decodeReadMessage,
        onOddity: sayOnce,
      });
    },

    get epoch() {
      return appender.epoch;
    },

    async head() {
      return (await newestEvent(reads, bounds, bounds.readTimeoutMs))?.position ?? null;
    },

    async reachable(timeoutMs) {
      try {
        // Each has its own connection.
        await Promise.all([newestEvent(reads, bounds, timeoutMs), appender.ready(timeoutMs)]);
        return true;
      } catch {
        return false;
      }
    },

    async close() {
      closing.abort();
      appender.close();
      appends.close();
      reads.close();
    },
  };
}

/** Calls `say` once for each text. */
function once(say: (what: string) => void): (what: string) => void {
  const said = new Set<string>();
  return (what) => {
    if (said.has(what)) return;
    said.add(what);
    say(what);
  };
}

/** Finds the position if the store acknowledged an append without a position. */
async function positionOf(
  reads: Connection,
  bounds: EventStoreBounds,
  stream: string,
  revision: bigint,
): Promise<bigint> {
  for await (const event of readStream(reads, bounds, stream, revision)) return event.position;
  throw new EventStoreUnavailable(`${revision}@${stream} was acknowledged and cannot be read`);
}

/** Does not connect. It refuses at once a URL that cannot be used. */
function assertUsable(url: string): void {
  try {
    createLink(url);
  } catch (error) {
    // The client's error quotes the whole URL.
    const words = messageOf(error).replaceAll(/\/\/[^/\s]*@/g, '//');
    throw new Error(`EVENTSTORE_URL cannot be used: ${words}`, { cause: error });
  }
}
