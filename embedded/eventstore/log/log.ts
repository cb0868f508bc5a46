import { viewStoredEvent } from '../codec/recorded-event.ts';
import { maxRevision } from '../codec/wire.ts';
import { parseStreamMetadata, type StreamMetadata } from '../streams/metadata.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { LogPosition } from './position.ts';
import { nameKey, openStorage, type Storage } from './storage.ts';

/** A stream as the log knows it. `last` is its newest revision, −1 when it has none. */
export interface StreamHead {
  /** The number that stands for the name in the index; −1 for a stream that was never written. */
  readonly number: number;
  readonly last: number;
}

export const noStream: StreamHead = { number: -1, last: -1 };

/** One event as it was committed, for those who wait for it. */
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

/** What a page of a read holds at most; a reader gets its next page when it took this one. */
export const pageEventsMax = 256;
export const pageBytesMax = 512 * 1024;

/** Streams whose head and metadata are kept in memory (twice as many at most). */
const cachedStreams = 50_000;
/** Below the first event, so that "after position 0" leaves nothing out. */
const firstPosition = 64;

export interface StoredAt {
  readonly position: number;
  readonly message: Buffer;
}

/** Reading side of the log: what is durable, and nothing else. */
export class EventLog {
  readonly storage: Storage;
  readonly directory: string;
  /** The position that the next event gets. Only the writer changes it. */
  nextPosition = firstPosition;
  nextStreamNumber = 0;
  /** The newest position that was committed and made known; −1 when the log is empty. */
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

  /** The head of a stream; of a metastream whose stream has a tombstone: deleted as well. */
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

  /** The metadata of a stream, as the last event of its metastream says it. */
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

  /** Makes a commit's new heads and metadata known. For the writer. */
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

  /** Whether reading can begin there: where an event begins, or forwards after all of them. */
  isPlace({ commit }: LogPosition, backwards: boolean): boolean {
    if (commit === 0 || commit === this.nextPosition) return true;
    return commit > this.head ? !backwards : this.storage.events.doesExist(commit);
  }

  /**
   * What a read backwards from a place starts below. Such a read looks at where events end: before
   * (P, P) comes the event that ends at P, before (P, 0) only the one before that.
   */
  endBackwards({ commit, prepare }: LogPosition): number {
    if (prepare >= commit) return commit;
    const [last] = this.pageOfAll(commit, true, 1);
    const endsThere = last !== undefined && last.position + last.message.length === commit;
    return endsThere ? last.position : commit;
  }

  /** Events of a stream between two revisions, both inclusive, in the order of the direction. */
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
