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
 * Appends in one order over all streams: what is sent first is in the log first. A store takes the
 * appends of one batch stream in their order, so each is tried once: to try one again would put it
 * after those that were sent since. After a failure the caller has to look which of them are there.
 */
export class OrderedAppends {
  readonly #bounds: EventStoreBounds;
  readonly #stream: BatchStream;

  private constructor(stream: BatchStream, bounds: EventStoreBounds) {
    this.#stream = stream;
    this.#bounds = bounds;
  }

  /** @throws what stands in the way */
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
   * @throws EventStoreRefused for a final no, NoAnswer or what broke the stream when the outcome is
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
