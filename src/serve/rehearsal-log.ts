import {
  type AppendResult,
  type EventStore,
  EventStoreUnavailable,
  type ExpectedRevision,
  type LogMessage,
  type NewEvent,
} from '../commands/core/event-store.ts';
import type { RecordedEvent } from '../events/codec.ts';

/** No reader of the log reads a stream with this name. */
const refusedStream = 'rehearsal';
/** No stream ever has this revision. So the store refuses an append that expects it. */
const refusedRevision = 2n ** 40n;

/** Events that a rehearsal may write; one more is refused. About 1 KB each. */
const eventsMax = 20_000;

/**
 * The log of a rehearsal. It keeps its events in memory. Each append also goes to the real store,
 * with a revision that no stream has. The store reads the append, refuses it and stores nothing. So
 * the rehearsal also runs the code of the connection and of the store.
 */
export class RehearsalLog implements EventStore {
  readonly epoch = 0;
  readonly #store: Pick<EventStore, 'append'>;
  readonly #position: bigint;
  readonly #streams = new Map<string, RecordedEvent[]>();
  #count = 0;

  /**
   * @param store gets each append, and refuses it
   * @param position the position of every event; the read side already shows it
   */
  constructor(store: Pick<EventStore, 'append'>, position: bigint) {
    this.#store = store;
    this.#position = position;
  }

  async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    options?: { readonly timeoutMs?: number },
  ): Promise<AppendResult> {
    if (this.#count + events.length > eventsMax) {
      throw new EventStoreUnavailable('the rehearsal is over', undefined, { wroteNothing: true });
    }
    await this.#store.append(refusedStream, refusedRevision, events, options);
    const known = this.#streams.get(stream) ?? [];
    const next = expected === 'no_stream' ? 0 : Number(expected) + 1;
    if (next !== known.length) {
      return { ok: false, actual: known.at(-1)?.revision ?? 'no_stream' };
    }
    this.#streams.set(stream, known);
    this.#count += events.length;
    for (const { id, event, metadata } of events) {
      const revision = BigInt(known.length);
      const { type, data } = event;
      known.push({
        ...{ id, stream, revision, position: this.#position, type },
        ...{ createdMs: Date.now(), data, metadata },
      });
    }
    return { ok: true, revision: BigInt(known.length - 1), position: this.#position };
  }

  async *readStream(
    stream: string,
    from = 0n,
    countMax = eventsMax,
  ): AsyncGenerator<RecordedEvent> {
    yield* (this.#streams.get(stream) ?? []).slice(Number(from), Number(from) + countMax);
  }

  async *readBackwards(stream: string): AsyncGenerator<RecordedEvent> {
    yield* (this.#streams.get(stream) ?? []).toReversed();
  }

  // biome-ignore lint/correctness/useYield: nobody subscribes to it
  async *subscribe(): AsyncGenerator<LogMessage> {
    throw new Error('a rehearsal has no subscribers');
  }

  async head(): Promise<bigint | null> {
    return this.#position;
  }

  async reachable(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {}
}
