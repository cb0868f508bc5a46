import {
  checkEnvelope,
  type Data,
  isOfService,
  type LogEvent,
  list,
  money,
  optionalText,
  type Report,
  text,
  timeMs,
  Unreadable,
} from './finding.ts';
import { QueueRoom } from './queue-room.ts';
import { isMark, type Skipped } from './skips.ts';

/** The kinds of moves of a place, by the version of their event. */
const kinds: Readonly<Record<number, ReadonlySet<unknown>>> = {
  1: new Set('enrolled admitted unclaimed left ended cleared'.split(' ')),
  2: new Set('enrolled admitted unclaimed left ended cleared away back'.split(' ')),
};
/** A move is at most this much earlier or later than the hour of its stream, in milliseconds. */
const apartMsMax = 600_000;
const hourMs = 3_600_000;
const lineStream = /^queue-line-(\d{4}-\d{2}-\d{2}T\d{2})(?:-([A-Za-z0-9_-]{1,64}))?$/;

/** A stored move: its kind, the user, the user's number, and the time in milliseconds. */
export type Move = readonly [kind: string, userId: string, number: number, atMs: number];

/**
 * Proves four facts about the events of the waiting queue. They are in the right streams. The
 * numbers agree with the times of the enrolments. Nobody is admitted twice at the same time. The
 * number of admitted users never exceeds a limit that the log states. Moves may be missing in the
 * log: they are lost if a process is killed, if Redis loses its data, or if the log accepts no
 * appends. It reports only faults that no missing move can explain. `reprise queue audit`, which
 * uses the settings, checks whether the line was fair.
 */
export class QueueProof {
  readonly #report: Report;
  readonly #skipped: Skipped;
  readonly #rooms = new Map<string, QueueRoom>();
  readonly #revisions = new Map<string, bigint>();
  #moves = 0;

  constructor(report: Report, skipped: Skipped) {
    this.#report = report;
    this.#skipped = skipped;
  }

  /** Moves that were read. */
  get moves(): number {
    return this.#moves;
  }

  /** Checks an event of a stream whose name begins with `queue-`. */
  see(event: LogEvent): void {
    const { stream, revision } = event;
    // Events of the store itself and of other programs.
    if (!isOfService(event)) return;
    const before = this.#revisions.get(stream);
    // The streams of old hours may be removed, but no event is missing in the middle of a stream.
    if (before !== undefined && revision !== before + 1n) {
      this.#report('revision-gap', event, `${revision} where ${before + 1n} is next`);
    }
    this.#revisions.set(stream, revision);
    if (this.#skipped.has(event)) {
      this.#skipped.see(event);
      return;
    }
    try {
      if (isMark(event)) {
        this.#skipped.mark(event, this.#report);
        return;
      }
      checkEnvelope(event);
      this.#take(event);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#report('unreadable', event, `${event.type}: ${error.message}`);
    }
  }

  #take(event: LogEvent): void {
    const { stream, type } = event;
    const [, hour, room = ''] = lineStream.exec(stream) ?? [];
    if (type === 'QueueMoved' && hour !== undefined) this.#moved(event, hour, room);
    else if (type === 'QueueSteered' && stream === 'queue-steering') this.#steered(event);
    else if (type === 'QueueDrawn' && stream === 'queue-steering') drawn(event);
    else if (type.startsWith('Queue')) this.#wrong(event, `${type} is not of this stream`);
    else throw new Unreadable('an unknown type');
  }

  #moved(event: LogEvent, hour: string, room: string): void {
    const startMs = Date.parse(`${hour}:00Z`);
    if (Number.isNaN(startMs)) throw new Unreadable(`${hour} is no hour`);
    const moves = list(event, 'moves').map(({ data }) => moveOf(data, event.version));
    const place = this.#roomOf(room);
    this.#moves += moves.length;
    place.begin(event);
    for (const move of moves) {
      const [kind, userId, number, atMs] = move;
      // The store's clock may jump, and the queue has its own clock. So the event's time is not
      // used.
      if (atMs < startMs - apartMsMax || atMs > startMs + hourMs + apartMsMax) {
        this.#wrong(event, `${kind} of ${userId} at ${iso(atMs)} is of another hour`);
      }
      if (kind === 'enrolled' && number < atMs * 1_000) {
        this.#wrong(event, `${userId} enrolled at ${iso(atMs)} with number ${number} of before`);
      }
      place.see(move);
    }
  }

  #steered(event: LogEvent): void {
    const { data, createdMs } = event;
    const room = optionalText(event, 'room') ?? '';
    for (const field of ['paused', 'draining', 'cleared']) {
      if (typeof data[field] !== 'boolean') throw new Unreadable(`${field} is no yes or no`);
    }
    for (const field of ['by', 'reason']) text(event, field);
    timeMs(event, 'at');
    const limit = (field: string) => {
      if (data[field] === null) return null;
      const value = money(event, field);
      if (value === 0) throw new Unreadable(`${field} is 0`);
      return value;
    };
    limit('perMinute');
    this.#roomOf(room).steered(limit('admittedMax'), createdMs);
  }

  #roomOf(name: string): QueueRoom {
    let room = this.#rooms.get(name);
    if (room === undefined) {
      room = new QueueRoom(this.#report);
      this.#rooms.set(name, room);
    }
    return room;
  }

  #wrong(event: LogEvent, detail: string): void {
    this.#report('wrong-queue', event, detail);
  }
}

const iso = (ms: number): string => {
  const at = new Date(ms);
  return Number.isNaN(at.getTime()) ? `${ms}` : at.toISOString();
};

function drawn(event: LogEvent): void {
  optionalText(event, 'room');
  for (const field of ['from', 'opensAt', 'at']) timeMs(event, field);
  if (!/^[0-9a-f]{64}$/.test(text(event, 'seed'))) throw new Unreadable('seed is no 32 bytes');
}

/** @param data a list of four parts. In JavaScript, it is an object with the keys 0 to 3 */
function moveOf(data: Data, version: unknown): Move {
  const { 0: kind, 1: userId, 2: number, 3: atMs } = data;
  if (!Array.isArray(data) || data.length !== 4) throw new Unreadable('a move is not of 4 parts');
  if (!kinds[version as number]?.has(kind)) {
    throw new Unreadable(`a move of version ${version} is ${JSON.stringify(kind)}`);
  }
  if (typeof userId !== 'string' || (userId === '') !== (kind === 'cleared')) {
    throw new Unreadable(`${kind} is of ${JSON.stringify(userId)}`);
  }
  const [ofUser, ofTime] = [
    money({ data: { number } }, 'number'),
    money({ data: { atMs } }, 'atMs'),
  ];
  return [kind as string, userId, ofUser, ofTime];
}
