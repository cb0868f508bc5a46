import type { RecordedEvent } from '../events/codec.ts';

/**
 * Merges streams into one, in the log's order. One event per stream is in memory. Events of one
 * append have one position, and stay in their stream's order.
 */
export async function* weave(
  streams: readonly AsyncIterable<RecordedEvent>[],
): AsyncGenerator<RecordedEvent, void, undefined> {
  const readers = streams.map((stream) => stream[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(readers.map((reader) => reader.next()));
    for (;;) {
      let first: number | undefined;
      let next: RecordedEvent | undefined;
      for (const [at, head] of heads.entries()) {
        if (head.done || (next !== undefined && head.value.position >= next.position)) continue;
        first = at;
        next = head.value;
      }
      const reader = first === undefined ? undefined : readers[first];
      if (first === undefined || next === undefined || reader === undefined) return;
      yield next;
      heads[first] = await reader.next();
    }
  } finally {
    await Promise.all(readers.map((reader) => reader.return?.()));
  }
}
