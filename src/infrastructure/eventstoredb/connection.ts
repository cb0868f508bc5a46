import type { EventStoreDBClient } from '@eventstore/db-client';
import { StreamsClient, StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { Channel, ClientDuplexStream } from '@grpc/grpc-js';
import { EventStoreUnavailable } from '../../commands/core/event-store.ts';
import { pause } from '../../support/pause.ts';
import { type BatchAnswer, decodeBatchAnswer } from './append-messages.ts';
import type { EventStoreBounds } from './bounds.ts';
import { createClient, insideOf } from './client.ts';
import { isNotLeader } from './failures.ts';
import { retryWaitMs } from './timing.ts';

/** Takes appends as bytes (`append-messages.ts`). */
export type BatchCall = ClientDuplexStream<Buffer, BatchAnswer>;

/** A client, and a function that releases its socket. Running calls on it continue to their end. */
interface Link {
  readonly client: EventStoreDBClient;
  release(): void;
}

/**
 * One client at a time. After each failure, a fresh client replaces it. A failed client may
 * remember a failed name look-up, or may wait for minutes before it connects again. Before each
 * replacement there is a growing wait with jitter.
 */
export class Connection {
  readonly #url: string;
  readonly #bounds: EventStoreBounds;
  #link: Link | undefined;
  #failures = 0;
  #notBeforeMs = 0;
  /** The start of the first silent call since the last message, by `performance.now()`. */
  #silentSinceMs: number | undefined;
  #closed = false;

  constructor(url: string, bounds: EventStoreBounds) {
    this.#url = url;
    this.#bounds = bounds;
  }

  /**
   * The client to use now, after the wait that follows the last failure. It connects at its first
   * call.
   * @throws EventStoreUnavailable if this connection is closed or the signal has aborted. Also the
   * error that prevented a client, for example a missing certificate file; it is treated like any
   * other failure
   */
  async client(signal?: AbortSignal): Promise<EventStoreDBClient> {
    for (;;) {
      if (this.#closed || signal?.aborted) {
        throw new EventStoreUnavailable('the event store connection is closed');
      }
      const waitMs = this.#notBeforeMs - performance.now();
      if (waitMs <= 0) break;
      await pause(waitMs, signal);
    }
    try {
      this.#link ??= createLink(this.#url);
    } catch (error) {
      this.#imposeWait();
      throw error;
    }
    return this.#link.client;
  }

  /**
   * A call on this client failed. Other running calls on it continue. New calls get another client.
   */
  failed(client: EventStoreDBClient | undefined, error: unknown): void {
    if (client === undefined || client !== this.#link?.client) return;
    if (performance.now() < this.#notBeforeMs) return; // already reported
    this.#imposeWait();
    this.#silentSinceMs = undefined;
    if (isNotLeader(error)) return;
    this.#link.release();
    this.#link = undefined;
  }

  #imposeWait(): void {
    this.#notBeforeMs = performance.now() + retryWaitMs(this.#failures, this.#bounds);
    this.#failures += 1;
  }

  worked(): void {
    this.#failures = 0;
    this.#silentSinceMs = undefined;
  }

  /**
   * A call on this client got no answer, but its time was too short to prove silence. Several such
   * calls in a row prove as much as one long call. Without this, a dead connection would stay if
   * only short calls use it.
   * @param sinceMs when the call began
   */
  silent(client: EventStoreDBClient | undefined, error: unknown, sinceMs: number): void {
    this.#silentSinceMs ??= sinceMs;
    if (performance.now() - this.#silentSinceMs >= this.#bounds.answerMs)
      this.failed(client, error);
  }

  close(): void {
    this.#closed = true;
    this.#link?.release();
    this.#link = undefined;
  }
}

/**
 * Opens the one stream that carries many appends. It has no own deadline. A node that is not the
 * leader must refuse it. Otherwise it would forward the appends, and the answers of one stream
 * would depend on two nodes.
 */
export function openBatchCall(client: EventStoreDBClient): Promise<BatchCall> {
  const inside = insideOf(client);
  const { path } = StreamsService.batchAppend;
  return inside.GRPCStreamCreator(StreamsClient, 'batchAppend', (service) => {
    const [metadata, options] = inside.callArguments(
      { requiresLeader: true },
      { deadline: Infinity },
    );
    return service.makeBidiStreamRequest(path, asItIs, decodeBatchAnswer, metadata, options);
  })();
}

const asItIs = (bytes: Buffer): Buffer => bytes;

/**
 * A client that is not connected yet.
 * @throws Error when the connection string cannot be understood
 */
export function createLink(url: string): Link {
  const client = createClient(freshUrl(url));
  const inside = insideOf(client);
  const { getChannel, handleError } = inside;
  let channel: Promise<Channel> | undefined;
  inside.getChannel = () => {
    channel = getChannel();
    return channel;
  };
  // Nobody awaits the work that the client does after an error. That work fails if a server omits a
  // trailer.
  inside.handleError = (service, error) => handleError(service, error).catch(() => {});
  return {
    client,
    // `dispose()` would end calls that still work, and leave the socket open.
    release: () => void channel?.then((open) => open.close()).catch(() => {}),
  };
}

let connections = 0;

/**
 * The connection string with the wrapper's defaults. With them, a dead server is noticed after 10 s
 * + 5 s. Discovery gives up early, because the wrapper itself tries again. gRPC shares one socket
 * and its reconnect wait (up to 120 s) between channels with equal options. Therefore each channel
 * gets a keep-alive timeout that differs by a millisecond, so that it is really new.
 */
function freshUrl(url: string): string {
  const given = url.toLowerCase().replace(/[_-]/g, '');
  connections = (connections + 1) % 1_000;
  let full = url;
  for (const [key, value] of [
    ['connectionName', 'reprise'],
    ['keepAliveInterval', 10_000],
    ['keepAliveTimeout', 5_000 + connections],
    ['maxDiscoverAttempts', 3],
    ['gossipTimeout', 1], // in seconds, unlike all the others
  ] as const) {
    if (given.includes(`${key.toLowerCase()}=`)) continue;
    full += `${full.includes('?') ? '&' : '?'}${key}=${value}`;
  }
  return full;
}
