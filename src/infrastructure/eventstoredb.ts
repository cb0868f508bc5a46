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
  /** Called once for each kind of message that a server may send and that is skipped. */
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
 * The log over `@eventstore/db-client`, safe from that client's known defects. Nothing is
 * connected before the first call, and a store that is away is no error of this function: calls say
 * EventStoreUnavailable within their bounds and work again once it is back.
 *
 * Appends, reads and each subscription have a client (a socket) of their own: a failure of one kind
 * replaces that client alone and never cuts what still works.
 *
 * A stream that was deleted for ever, a refused login, an append above the store's size limit are
 * no outage: such calls throw EventStoreRefused, and a subscription ends with it.
 *
 * `head()` is the newest event of the whole log, of any stream, the store's own included. A
 * subscriber with prefixes comes to that position by an event of its own or by a checkpoint, and
 * the store sends one only every so many events (32 on EventStoreDB) and right before `caught-up`.
 * So `head` minus position is no lag; a position that an append returned is always reached.
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
        // Each has a connection of its own.
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

/** For a store that acknowledged without a position. */
async function positionOf(
  reads: Connection,
  bounds: EventStoreBounds,
  stream: string,
  revision: bigint,
): Promise<bigint> {
  for await (const event of readStream(reads, bounds, stream, revision)) return event.position;
  throw new EventStoreUnavailable(`${revision}@${stream} was acknowledged and cannot be read`);
}

/** Connects nothing: what cannot be used is refused here and now. */
function assertUsable(url: string): void {
  try {
    createLink(url);
  } catch (error) {
    // The client quotes the whole of it.
    const words = messageOf(error).replaceAll(/\/\/[^/\s]*@/g, '//');
    throw new Error(`EVENTSTORE_URL cannot be used: ${words}`, { cause: error });
  }
}
