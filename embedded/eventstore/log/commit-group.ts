import {
  encodeStoredEvent,
  jsonType,
  type ProposedEvent,
  type RecordedView,
  viewStoredEvent,
} from '../codec/recorded-event.ts';
import { describedBy, parseStreamMetadata, type StreamMetadata } from '../streams/metadata.ts';
import type { CommittedEvent, EventLog, StreamHead } from './log.ts';
import type { RecentEvent, RecentEvents } from './recent-events.ts';
import { nameKey } from './storage.ts';

/**
 * The writes that will become one commit. While the writer fills it, it answers as if it were
 * committed. So each write is checked against all events before it: those on disk, and those before
 * it in the same group. Nobody else sees the group before `publish`.
 */
export class CommitGroup {
  readonly events: CommittedEvent[] = [];
  /** What its events occupy. */
  bytes = 0;
  /** The heads after this group, and the heads that it only read. */
  readonly #heads = new Map<string, StreamHead>();
  /** The events that the group adds, by stream, oldest first. */
  readonly #added = new Map<string, CommittedEvent[]>();
  readonly #metadata = new Map<string, StreamMetadata>();
  readonly #newStreams: string[] = [];
  readonly #ids = new Map<string, RecentEvent>();
  #nextPosition: number;
  #nextStreamNumber: number;
  readonly #log: EventLog;
  readonly #recent: RecentEvents;

  constructor(log: EventLog, recent: RecentEvents) {
    this.#log = log;
    this.#recent = recent;
    this.#nextPosition = log.nextPosition;
    this.#nextStreamNumber = log.nextStreamNumber;
  }

  headOf(stream: string): StreamHead {
    const known = this.#heads.get(stream);
    if (known !== undefined) return known;
    const head = this.#log.headOf(stream);
    this.#heads.set(stream, head);
    return head;
  }

  metadataOf(stream: string): StreamMetadata {
    return this.#metadata.get(stream) ?? this.#log.metadataOf(stream);
  }

  /** The stored event at a revision, undefined when the stream does not have it. */
  eventAt(stream: string, revision: number): RecordedView | undefined {
    const added = this.#added.get(stream);
    const firstAdded = added?.[0]?.revision ?? Number.POSITIVE_INFINITY;
    const message =
      revision >= firstAdded
        ? added?.[revision - firstAdded]?.message
        : this.#log.eventAt(this.#log.headOf(stream), revision)?.message;
    return message && viewStoredEvent(message);
  }

  /** A recent event with this id, in any stream. */
  recentEvent(id: string): RecentEvent | undefined {
    return this.#ids.get(id) ?? this.#recent.get(id);
  }

  /**
   * Adds an event after the last event of its stream (a tombstone: at its own revision). Returns
   * its position.
   */
  add(stream: string, event: ProposedEvent, nowMs: number, tombstone?: number): number {
    const head = this.headOf(stream);
    const revision = tombstone ?? head.last + 1;
    const position = this.#nextPosition;
    const message = encodeStoredEvent(event, { stream, revision, position, createdMs: nowMs });
    let { number } = head;
    if (number < 0) {
      number = this.#nextStreamNumber++;
      this.#newStreams.push(stream);
    }
    this.#heads.set(stream, { number, last: revision });
    const committed = { stream, type: event.type, number, revision, position, message };
    this.events.push(committed);
    const added = this.#added.get(stream);
    if (added === undefined) this.#added.set(stream, [committed]);
    else added.push(committed);
    this.#ids.set(event.id, committed);
    this.#nextPosition += message.length;
    this.bytes += message.length;
    const described = describedBy(stream);
    if (described !== undefined) {
      const data = event.contentType === jsonType ? event.data : undefined;
      this.#metadata.set(described, parseStreamMetadata(data));
    }
    return position;
  }

  /**
   * Writes all of it in one transaction; resolves when it is on disk. Rejects: nothing was written.
   */
  async commit(): Promise<void> {
    const { root, events, index, streams } = this.#log.storage;
    // The promises of the single puts are not awaited, because they have no meaning inside `batch`.
    await root.batch(() => {
      for (const name of this.#newStreams)
        void streams.put(nameKey(name), this.headOf(name).number);
      for (const { position, message, number, revision } of this.events) {
        void events.put(position, message);
        void index.put([number, revision], position);
      }
    });
  }

  /** Makes a committed group known to the reading side. */
  publish(): void {
    this.#log.nextPosition = this.#nextPosition;
    this.#log.nextStreamNumber = this.#nextStreamNumber;
    for (const stream of this.#added.keys())
      this.#log.remember(stream, this.headOf(stream), describedBy(stream));
    // Without the message. Otherwise the message would stay in memory as long as the id.
    for (const [id, { stream, revision, position }] of this.#ids)
      this.#recent.set(id, { stream, revision, position });
    const newest = this.events[this.events.length - 1];
    if (newest) this.#log.head = newest.position;
  }
}
