import {
  type EventStore,
  EventStoreUnavailable,
  type ExpectedRevision,
} from '../../commands/core/event-store.ts';
import { pause } from '../../support/pause.ts';
import { type Appended, encodeAppend, encodeEvents, understand } from './append-messages.ts';
import { BatchStream } from './batch-stream.ts';
import type { EventStoreBounds } from './bounds.ts';
import { type Connection, openBatchCall } from './connection.ts';
import { isTransient, messageOf, NoAnswer, neverConnected, refused } from './failures.ts';
import { answerWithin, retryWaitMs } from './timing.ts';

/** The part of the connection that appends need. */
type AppendConnection = Pick<Connection, 'client' | 'worked' | 'failed'>;

/**
 * Sends appends over one batch stream. If an answer is lost, it finds out the result of the append.
 */
export class Appender {
  readonly #connection: AppendConnection;
  readonly #bounds: EventStoreBounds;
  #stream: BatchStream | undefined;
  #opening: Promise<BatchStream> | undefined;
  #underWay = 0;
  #closed = false;
  #epoch = 0;

  constructor(connection: AppendConnection, bounds: EventStoreBounds) {
    this.#connection = connection;
    this.#bounds = bounds;
  }

  /** See the port. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * See the port. If the result is unclear, it sends the append again with the same ids and the
   * same expected revision.
   */
  async append(
    ...[stream, expected, events, options]: Parameters<EventStore['append']>
  ): Promise<Appended> {
    if (this.#underWay >= this.#bounds.appendsInFlightMax) {
      const message = `${this.#underWay} appends are under way already`;
      throw new EventStoreUnavailable(message, undefined, { wroteNothing: true });
    }
    this.#underWay += 1;
    try {
      const messages = encodeEvents(stream, events, this.#bounds.appendBytesMax);
      const timeoutMs = options?.timeoutMs ?? this.#bounds.appendTimeoutMs;
      return await this.#settle(stream, expected, messages, timeoutMs);
    } finally {
      this.#underWay -= 1;
    }
  }

  /**
   * Opens the stream for all appends, if there is none.
   * @throws the error of the connection
   */
  async ready(timeoutMs: number): Promise<void> {
    if (this.#stream === undefined) await this.#open(timeoutMs);
  }

  /** Pending appends fail as unavailable. It is unknown whether they are in the log. */
  close(): void {
    this.#closed = true;
    this.#stream?.break(new EventStoreUnavailable('the event store connection is closed'));
  }

  async #settle(
    stream: string,
    expected: ExpectedRevision,
    messages: Uint8Array,
    timeoutMs: number,
  ): Promise<Appended> {
    const endMs = performance.now() + timeoutMs;
    let failure: unknown;
    let wasSent = false; // or the service may have sent it
    for (let attempt = 0; ; attempt += 1) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) break;
      let isSending = false;
      try {
        const batch = this.#stream ?? (await this.#open(leftMs));
        isSending = true;
        const tryMs = Math.min(endMs - performance.now(), this.#bounds.answerMs);
        const answer = await batch.send(encodeAppend(stream, expected, messages), tryMs);
        this.#connection.worked();
        return understand(answer);
      } catch (error) {
        if (error instanceof EventStoreUnavailable) throw error;
        if (!isTransient(error)) throw refused(`append to ${stream}`, error);
        if (isSending && !neverConnected(error)) wasSent = true;
        // If the rest of the time was too short for an answer, the earlier error says more.
        if (failure === undefined || !(error instanceof NoAnswer)) failure = error;
      }
      await pause(Math.min(retryWaitMs(attempt, this.#bounds), endMs - performance.now()));
    }
    throw new EventStoreUnavailable(
      `append to ${stream}: no clear answer in ${timeoutMs} ms (${messageOf(failure)})`,
      failure,
      { wroteNothing: !wasSent },
    );
  }

  /** The stream that all appends share. The first append opens it. */
  #open(leftMs: number): Promise<BatchStream> {
    this.#opening ??= this.#openNew().finally(() => {
      this.#opening = undefined;
    });
    return answerWithin(leftMs, 'opening the append stream', this.#opening);
  }

  async #openNew(): Promise<BatchStream> {
    const client = await this.#connection.client();
    try {
      const call = await answerWithin(
        this.#bounds.answerMs,
        'finding the store',
        openBatchCall(client),
      );
      const stream = new BatchStream(call, this.#bounds.answerMs, (error) => {
        if (this.#stream === stream) this.#stream = undefined;
        this.#epoch += 1;
        this.#connection.failed(client, error);
      });
      this.#stream = stream;
      if (this.#closed) this.close();
      return stream;
    } catch (error) {
      this.#connection.failed(client, error);
      throw error;
    }
  }
}
