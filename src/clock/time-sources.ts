import type { Pool } from 'pg';
import type { EventStore } from '../commands/core/event-store.ts';
import type { RedisClient } from '../infrastructure/redis.ts';
import type { TimeSource } from './server-times.ts';

/** Servers that say the time. Moments of this process are by `performance.now()`. */

export const postgresTime = (pool: Pool): TimeSource => ({
  name: 'PostgreSQL',
  async ask() {
    const client = await pool.connect();
    let failure: Error | undefined;
    try {
      // Not counting the wait for a connection.
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

/** Of a cluster, any node's. */
export const redisTime = (redis: RedisClient): TimeSource => ({
  name: 'Redis',
  async ask() {
    const fromMs = performance.now();
    const [seconds, micros] = await redis.time();
    const toMs = performance.now();
    return { serverMs: Number(seconds) * 1_000 + Number(micros) / 1_000, fromMs, toMs };
  },
});

/** An append that was acknowledged: the store took it between these moments. */
export interface Append {
  readonly revision: bigint;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The event store has no call for it, and stamps each event: an event that this process has
 * appended is read again, one a round. A process that appends nothing learns nothing from it.
 */
export class EventStoreTime implements TimeSource {
  readonly name = 'the event store';
  #noted: (Append & { readonly stream: string }) | undefined;
  readonly #store: () => Pick<EventStore, 'readStream'>;

  /** @param store called when the store is needed; the store reports its appends itself */
  constructor(store: () => Pick<EventStore, 'readStream'>) {
    this.#store = store;
  }

  /** The store was appended to. One between two rounds is enough. */
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
