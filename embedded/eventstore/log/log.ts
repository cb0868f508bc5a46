import { viewStoredEvent } from '../codec/recorded-event.ts';
import { maxRevision } from '../codec/wire.ts';
import { parseStreamMetadata, type StreamMetadata } from '../streams/metadata.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { LogPosition } from './position.ts';
import { nameKey, openStorage, type Storage } from './storage.ts';

/** A stream as the log knows it. `last` is its newest revision, −1 when it has none. */
export interface StreamHead {
  /** The number of the stream in the index; −1 for a stream that was never written. */
  readonly number: number;
  readonly last: number;
}

export const noStream: StreamHead = { number: -1, last: -1 };

/** One committed event, for the subscribers that wait for it. */
export interface CommittedEvent {
  readonly stream: string;
  readonly type: string;
  /** The stream's number in the index. */
  readonly number: number;
  readonly revision: number;
  readonly position: number;
  /** The stored event: a whole ReadResp message. */
  readonly message: Buffer;
}

/** The largest page of a read. A reader gets its next page after it has received this one. */
export const pageEventsMax = 256;
export const pageBytesMax = 512 * 1024;

/** The number of streams whose head and metadata are in memory (at most twice as many). */
const cachedStreams = 50_000;
/** A position before the first event. So a read after position 0 has all events. */
const firstPosition = 64;

export interface StoredAt {
  readonly position: number;
  readonly message: Buffer;
}

/** The reading side of the log. It has only durable events. */
export class EventLog {
  readonly storage: Storage;
  readonly directory: string;
  /** The position that the next event gets. Only the writer changes it. */
  nextPosition = firstPosition;
  nextStreamNumber = 0;
  /** The newest position that is committed and visible to readers; −1 when the log is empty. */
  head = -1;
  readonly #heads = new BoundedCache<string, StreamHead>(cachedStreams);
  readonly #metadata = new BoundedCache<string, StreamMetadata>(cachedStreams);

  constructor(directory: string) {
    this.directory = directory;
    this.storage = openStorage(directory);
    for (const { key, value } of this.storage.events.getRange({ reverse: true, limit: 1 })) {
      this.head = key;
      this.nextPosition = key + value.length;
    }
    for (const key of this.storage.index.getKeys({ reverse: true, limit: 1 }))
      this.nextStreamNumber = (key[0] as number) + 1;
  }

  /** The head of a stream. If the stream has a tombstone, its metastream is deleted, too. */
  headOf(stream: string): StreamHead {
    const known = this.#heads.get(stream);
    if (known !== undefined) return known;
    const number = this.storage.streams.get(nameKey(stream));
    if (number === undefined) return noStream;
    let last = -1;
    const range = { start: [number, maxRevision], end: [number], reverse: true, limit: 1 };
    for (const key of this.storage.index.getKeys(range)) last = key[1] as number;
    const head = { number, last };
    this.#heads.set(stream, head);
    return head;
  }

  /** The metadata of a stream, from the last event of its metastream. */
  metadataOf(stream: string): StreamMetadata {
    const known = this.#metadata.get(stream);
    if (known !== undefined) return known;
    const head = this.headOf(`$$${stream}`);
    const stored = head.last < 0 ? undefined : this.eventAt(head, head.last);
    const view = stored && viewStoredEvent(stored.message);
    const metadata = parseStreamMetadata(view?.isJson ? view.data : undefined);
    this.#metadata.set(stream, metadata);
    return metadata;
  }

  /** Makes the new heads and metadata of a commit visible to readers. For the writer. */
  remember(stream: string, head: StreamHead, metadataOf?: string): void {
    this.#heads.set(stream, head);
    if (metadataOf !== undefined) this.#metadata.delete(metadataOf);
  }

  eventAt(head: StreamHead, revision: number): StoredAt | undefined {
    const position = this.storage.index.get([head.number, revision]);
    if (position === undefined) return undefined;
    const message = this.storage.events.get(position);
    return message && { position, message };
  }

  /** Events of `$all` from a position on (inclusive); backwards: strictly below it. */
  pageOfAll(from: number, backwards: boolean, limit = pageEventsMax): StoredAt[] {
    const page: StoredAt[] = [];
    let bytes = 0;
    const start = backwards ? from - 1 : from;
    for (const { key, value } of this.storage.events.getRange({
      start,
      reverse: backwards,
      limit: Math.min(limit, pageEventsMax),
    })) {
      page.push({ position: key, message: value });
      bytes += value.length;
      if (bytes >= pageBytesMax) break;
    }
    return page;
  }

  /**
   * Can a read begin there? It can at the beginning of an event. A forward read can also begin
   * after the last event.
   */
  isPlace({ commit }: LogPosition, backwards: boolean): boolean {
    if (commit === 0 || commit === this.nextPosition) return true;
    return commit > this.head ? !backwards : this.storage.events.doesExist(commit);
  }

  /**
   * The upper limit of a backward read from a place. A backward read compares with the ends of
   * events. Before (P, P) comes the event that ends at P. Before (P, 0) comes only the event before
   * that one.
   */
  endBackwards({ commit, prepare }: LogPosition): number {
    if (prepare >= commit) return commit;
    const [last] = this.pageOfAll(commit, true, 1);
    const endsThere = last !== undefined && last.position + last.message.length === commit;
    return endsThere ? last.position : commit;
  }

  /** Events of a stream between two revisions, both inclusive, in the direction of the read. */
  pageOfStream(
    head: StreamHead,
    from: number,
    to: number,
    backwards: boolean,
    limit: number,
  ): StoredAt[] {
    const page: StoredAt[] = [];
    let bytes = 0;
    const range = this.storage.index.getRange({
      start: [head.number, from],
      end: [head.number, backwards ? to - 0.5 : to + 0.5],
      reverse: backwards,
      limit: Math.min(limit, pageEventsMax),
    });
    for (const { value: position } of range) {
      const message = this.storage.events.get(position);
      if (message === undefined)
        throw new Error(`the index names position ${position}, but nothing is there`);
      page.push({ position, message });
      bytes += message.length;
      if (bytes >= pageBytesMax) break;
    }
    return page;
  }

  async close(): Promise<void> {
    await this.storage.close();
  }
}
