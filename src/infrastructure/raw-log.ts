import type { LogMessages, LogPlace } from '../commands/core/event-store.ts';
import { defaultBounds, type EventStoreBounds } from './eventstoredb/bounds.ts';
import { Connection } from './eventstoredb/connection.ts';
import { OrderedAppends } from './eventstoredb/ordered-appends.ts';
import { exceptLoopback } from './eventstoredb/proxies.ts';
import { type Newest, newestEvent } from './eventstoredb/read.ts';
import { decodeRawMessage, type RawEvent } from './eventstoredb/read-messages.ts';
import { subscribe } from './eventstoredb/subscribe.ts';
import { answerWithin } from './eventstoredb/timing.ts';

export type { RawNewEvent } from './eventstoredb/append-messages.ts';
export type { OrderedAppends } from './eventstoredb/ordered-appends.ts';
export type { RawEvent } from './eventstoredb/read-messages.ts';

/** The log as bytes, for backups. A backup copies events without reading their content. */
export interface RawLog {
  /** Like the port's `subscribe` (commands/core/event-store.ts), but with raw events. */
  subscribe(options: {
    readonly after: LogPlace | null;
    readonly prefixes: readonly string[];
    readonly signal: AbortSignal;
  }): LogMessages<RawEvent>;
  /**
   * Opens a stream for appends. It makes only one attempt, and the first error ends it.
   * @throws the error of the connection
   */
  openAppends(): Promise<OrderedAppends>;
  /** Deletes a stream for ever. @throws the client's errors */
  tombstone(stream: string): Promise<void>;
  /** The newest event of any stream; null for an empty log. @throws EventStoreUnavailable */
  newest(): Promise<Newest | null>;
  close(): void;
}

/**
 * Connects with the first call.
 * @param url esdb:// or esdb+discover:// connection string
 * @param onOddity called with a description of each message from the server that is skipped
 */
export function connectRawLog(
  url: string,
  {
    onOddity = () => {},
    ...options
  }: Partial<EventStoreBounds> & { onOddity?: (what: string) => void } = {},
): RawLog {
  const bounds = { ...defaultBounds, ...options };
  const closing = new AbortController();
  exceptLoopback(url);
  const reads = new Connection(url, bounds);
  const appends = new Connection(url, bounds);
  return {
    subscribe: ({ after, prefixes, signal }) =>
      subscribe(new Connection(url, bounds), bounds, {
        ...{ after, prefixes, onOddity },
        signal: AbortSignal.any([signal, closing.signal]),
        decode: decodeRawMessage,
      }),
    openAppends: () => OrderedAppends.open(appends, bounds),
    async tombstone(stream) {
      const client = await appends.client();
      await answerWithin(bounds.appendTimeoutMs, 'deleting', client.tombstoneStream(stream));
    },
    newest: () => newestEvent(reads, bounds, bounds.readTimeoutMs),
    close() {
      closing.abort();
      reads.close();
      appends.close();
    },
  };
}
