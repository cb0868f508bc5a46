import type { Pool } from 'pg';
import type { EventStore } from '../commands/core/event-store.ts';
import type { RedisClient } from '../infrastructure/redis.ts';
import type { TimeSource } from './server-times.ts';

/** Servers that report their time. Times of this process are by `performance.now()`. */

export const postgresTime = (pool: Pool): TimeSource => ({
  name: 'PostgreSQL',
  async ask() {
    const client = await pool.connect();
    let failure: Error | undefined;
    try {
      // The wait for a connection does not count.
      const fromMs = performance.now();
      const { rows } = await client.query<{ ms: string }>(
        'SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms',
      );
      return { serverMs: Number(rows[0]?.ms), fromMs, toMs: performance.now() };
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      client.release(failure);
    }
  },
});

/** The time of Redis; in a cluster, the time of any node. */
export const redisTime = (redis: RedisClient): TimeSource => ({
  name: 'Redis',
  async ask() {
    const fromMs = performance.now();
    const [seconds, micros] = await redis.time();
    const toMs = performance.now();
    return { serverMs: Number(seconds) * 1_000 + Number(micros) / 1_000, fromMs, toMs };
  },
});

/** An acknowledged append. The store wrote it between these two times. */
export interface Append {
  readonly revision: bigint;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The event store has no call for its time, but it adds a time to each event. In each round, one
 * event that this process has appended is read again. A process that appends nothing does not learn
 * the store's time.
 */
export class EventStoreTime implements TimeSource {
  readonly name = 'the event store';
  #noted: (Append & { readonly stream: string }) | undefined;
  readonly #store: () => Pick<EventStore, 'readStream'>;

  /**
   * @param store called when the store is needed, because the store itself calls `note` for its
   * appends
   */
  constructor(store: () => Pick<EventStore, 'readStream'>) {
    this.#store = store;
  }

  /** Notes an append. One append between two rounds is enough. */
  note(stream: string, append: Append): void {
    this.#noted ??= { ...append, stream };
  }

  readonly ask = async () => {
    const noted = this.#noted;
    if (noted === undefined) return undefined;
    this.#noted = undefined;
    const { stream, revision, fromMs, toMs } = noted;
    for await (const event of this.#store().readStream(stream, revision)) {
      if (event.revision !== revision) return undefined;
      return { serverMs: event.createdMs, fromMs, toMs };
    }
    return undefined;
  };
}
