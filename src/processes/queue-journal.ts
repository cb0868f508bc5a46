import { randomUUID } from 'node:crypto';
import type { EventStore, ExpectedRevision } from '../commands/core/event-store.ts';
import { decode } from '../events/codec.ts';
import { queueLineStream } from '../events/streams.ts';
import { versionOf } from '../events/upcasters.ts';
import type { KnownPlace, QueueLog, QueueMove } from '../queue/queue-log.ts';
import { KnownPlaces } from './known-places.ts';

/** Moves are collected for this long before they are appended, in milliseconds. */
const windowMs = 150;
/** The largest number of moves in one event. With the longest ids, it has 250 KB. */
const movesMax = 2_000;
/** The largest number of moves that wait for the log. Above it, the oldest are lost. */
const pendingMax = 100_000;
/** How often an append is tried again after another instance was first. */
const attemptsMax = 20;
/** The number of hours whose streams a rebuild of a line reads. */
const keptHours = 12;
const hourMs = 3_600_000;

/**
 * Writes the moves of one room of the queue to the log, in small batches, in one stream per hour.
 * So a queue that starts empty can find the order of its line. If the process is killed, the moves
 * of the last window are lost.
 */
export class QueueJournal implements QueueLog {
  readonly #store: Pick<EventStore, 'append' | 'readStream'>;
  readonly #now: () => number;
  readonly #onLost: (moves: number, error: unknown) => void;
  readonly #room: string;
  #pending: QueueMove[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #stream = '';
  #revision: ExpectedRevision = 'no_stream';

  /**
   * @param onLost called with the number of lost moves, if the log did not accept them
   * @param room the room of the moves; '' for the line of the shop
   */
  constructor(
    store: Pick<EventStore, 'append' | 'readStream'>,
    now: () => number,
    onLost: (moves: number, error: unknown) => void,
    room = '',
  ) {
    this.#store = store;
    this.#now = now;
    this.#onLost = onLost;
    this.#room = room;
  }

  /** Keeps a move, within the window. Never waits, never throws. */
  note(move: QueueMove): void {
    this.#pending.push(move);
    if (this.#pending.length > pendingMax) {
      const given = this.#pending.splice(0, movesMax).length;
      this.#onLost(given, new Error('too many moves of the queue wait for the log'));
    }
    this.#timer ??= setTimeout(() => void this.flush(), windowMs);
  }

  /** Writes all moves that were noted so far. Never throws. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#writing;
    this.#writing = this.#writeAll();
    await this.#writing;
  }

  /**
   * The users with a place by the log, by number.
   * @throws EventStoreUnavailable, UnreadableEvent
   */
  async read(): Promise<readonly KnownPlace[]> {
    const places = new KnownPlaces();
    const now = this.#now();
    for (let hour = keptHours; hour >= 0; hour -= 1) {
      for await (const recorded of this.#store.readStream(
        queueLineStream(now - hour * hourMs, this.#room),
      )) {
        const event = decode(recorded);
        if (event.type === 'QueueMoved') for (const move of event.data.moves) places.take(move);
      }
    }
    return places.all();
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const moves = this.#pending.splice(0, movesMax);
      try {
        await this.#write(moves);
      } catch (error) {
        this.#onLost(moves.length, error);
        return;
      }
    }
  }

  async #write(moves: QueueMove[]): Promise<void> {
    const stream = queueLineStream(this.#now(), this.#room);
    if (stream !== this.#stream) [this.#stream, this.#revision] = [stream, 'no_stream'];
    const event = { type: 'QueueMoved', data: { moves } } as const;
    const metadata = { schemaVersion: versionOf('QueueMoved'), command: 'MoveQueue' };
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const events = [{ id: randomUUID(), event, metadata }];
      const appended = await this.#store.append(stream, this.#revision, events);
      this.#revision = appended.ok ? appended.revision : appended.actual;
      if (appended.ok) return;
    }
    throw new Error(`other instances came first ${attemptsMax} times`);
  }
}
