import type {
  AppendResult,
  EventStore,
  ExpectedRevision,
  LogMessage,
  NewEvent,
} from '../../src/commands/core/event-store.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';

/** Gives the next event of a read, or undefined after the last one. */
export type NextEvent = () => RecordedEvent | undefined;

/**
 * One read. Tests read millions of events, and an async generator takes three times as long for
 * each.
 */
export class Reading implements AsyncIterableIterator<RecordedEvent> {
  readonly #begin: () => NextEvent;
  readonly #end: () => void;
  #next: NextEvent | undefined;
  #isOver = false;

  /**
   * @param begin is called before the first event is read
   * @param end is called once after a read that was begun
   */
  constructor(begin: () => NextEvent, end: () => void = () => {}) {
    this.#begin = begin;
    this.#end = end;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<RecordedEvent>> {
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    this.#next ??= this.#begin();
    const value = this.#next();
    return value === undefined ? this.return() : Promise.resolve({ done: false, value });
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    if (!this.#isOver && this.#next !== undefined) this.#end();
    this.#isOver = true;
    return { done: true, value: undefined };
  }
}

/**
 * A log in memory with the exact semantics of the event store, so that tests can try thousands of
 * histories. `memory-event-store.int.ts` compares it with a server. It is deterministic, because
 * nothing waits.
 */
export class MemoryEventStore implements EventStore {
  /** Every event, in the order in which the log received it. */
  readonly log: RecordedEvent[] = [];
  readonly epoch = 0;
  readonly #streams = new Map<string, RecordedEvent[]>();

  async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
  ): Promise<AppendResult> {
    const known = this.#streams.get(stream) ?? [];
    const next = expected === 'no_stream' ? 0 : Number(expected) + 1;
    if (next === known.length) return this.#write(stream, known, events);
    const there = known.slice(next, next + events.length);
    const last = there.at(-1);
    const again =
      there.length === events.length && events.every(({ id }, i) => there[i]?.id === id);
    if (last !== undefined && again) {
      return { ok: true, revision: last.revision, position: last.position };
    }
    return { ok: false, actual: known.at(-1)?.revision ?? 'no_stream' };
  }

  readStream(
    stream: string,
    from = 0n,
    countMax = Number.POSITIVE_INFINITY,
  ): AsyncIterable<RecordedEvent> {
    return this.reading(() => {
      const events = this.#streams.get(stream) ?? [];
      const end = Math.min(events.length, Number(from) + countMax);
      let at = Number(from);
      return () => (at < end ? events[at++] : undefined);
    });
  }

  readBackwards(stream: string): AsyncIterable<RecordedEvent> {
    return this.reading(() => {
      const events = this.#streams.get(stream) ?? [];
      let at = events.length;
      return () => (at > 0 ? events[--at] : undefined);
    });
  }

  /** What a read gives. */
  protected reading(begin: () => NextEvent): AsyncIterable<RecordedEvent> {
    return new Reading(begin);
  }

  // biome-ignore lint/correctness/useYield: nobody subscribes to it
  async *subscribe(): AsyncIterable<LogMessage> {
    throw new Error('the memory log has no subscribers');
  }

  async head(): Promise<bigint | null> {
    return this.log.at(-1)?.position ?? null;
  }

  async reachable(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {}

  /** Begins with the events of another log. They are not copied. */
  beginAs({ log }: MemoryEventStore): void {
    if (this.log.length > 0) throw new Error('the log has events already');
    for (const event of log) {
      this.log.push(event);
      const known = this.#streams.get(event.stream);
      if (known === undefined) this.#streams.set(event.stream, [event]);
      else known.push(event);
    }
  }

  #write(stream: string, known: RecordedEvent[], events: readonly NewEvent[]): AppendResult {
    for (const { id, event, metadata } of events) {
      const recorded: RecordedEvent = {
        id,
        stream,
        revision: BigInt(known.length),
        position: BigInt(this.log.length),
        type: event.type,
        createdMs: 0,
        data: JSON.parse(JSON.stringify(event.data)),
        metadata,
      };
      known.push(recorded);
      this.log.push(recorded);
    }
    this.#streams.set(stream, known);
    const position = BigInt(this.log.length - 1);
    return { ok: true, revision: BigInt(known.length - 1), position };
  }
}
