import type { ExpectedRevision } from '../../commands/core/event-store.ts';
import {
  type Appended,
  encodeAppend,
  encodeRawEvents,
  type RawNewEvent,
  understand,
} from './append-messages.ts';
import { BatchStream } from './batch-stream.ts';
import type { EventStoreBounds } from './bounds.ts';
import { type Connection, openBatchCall } from './connection.ts';
import { answerWithin } from './timing.ts';

/**
 * Appends in one order over all streams: an append that is sent first is in the log first. A store
 * accepts the appends of one batch stream in their order. Each append is tried only once, because a
 * second try would come after later appends. After a failure, the caller must check which appends
 * are in the log.
 */
export class OrderedAppends {
  readonly #bounds: EventStoreBounds;
  readonly #stream: BatchStream;

  private constructor(stream: BatchStream, bounds: EventStoreBounds) {
    this.#stream = stream;
    this.#bounds = bounds;
  }

  /** @throws the error of the connection */
  static async open(connection: Connection, bounds: EventStoreBounds): Promise<OrderedAppends> {
    const client = await connection.client();
    try {
      const call = await answerWithin(bounds.answerMs, 'finding the store', openBatchCall(client));
      const stream = new BatchStream(call, bounds.answerMs, (error) =>
        connection.failed(client, error),
      );
      return new OrderedAppends(stream, bounds);
    } catch (error) {
      connection.failed(client, error);
      throw error;
    }
  }

  /**
   * @throws EventStoreRefused for a final refusal; NoAnswer or the stream's error if the result is
   * open
   */
  async send(
    stream: string,
    expected: ExpectedRevision,
    events: readonly RawNewEvent[],
  ): Promise<Appended> {
    const message = encodeAppend(stream, expected, encodeRawEvents(events));
    return understand(await this.#stream.send(message, this.#bounds.answerMs));
  }

  close(): void {
    this.#stream.break(new Error('the appends are over'));
  }
}
