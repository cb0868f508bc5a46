import type { EventStore } from '../commands/core/event-store.ts';
import { decode, type RecordedEvent } from '../events/codec.ts';
import type { EventData } from '../events/events.ts';
import { readToEnd } from '../support/read-to-end.ts';
import { iso } from './holds.ts';

/** Longest time in which the queue's events are read, in milliseconds. */
const readMsMax = 120_000;
/** The number of newest lines about the user that are shown. */
const toldMax = 1_000;

type Move = EventData['QueueMoved']['moves'][number];

const ownWords: Readonly<Record<Exclude<Move[0], 'enrolled'>, string>> = {
  away: 'away: did not poll in time, so others were admitted first',
  back: 'polled again: waits in front of all users who came later',
  unclaimed:
    'did not claim the admission in time, so the next user got the place: waits again, in front of all users who came later',
  admitted: 'admitted',
  left: 'lost the waiting place: did not poll in time',
  ended: 'the admitted place ended',
  cleared: 'lost the waiting place: the line was emptied',
};

/** One fact about a user's waiting, or about the user's place. */
export interface Told {
  readonly atMs: number;
  /** '' for the line of the shop. */
  readonly room: string;
  readonly what: string;
}

/** The state of a room by the moves so far. */
class Line {
  /** The waiting users with their numbers. */
  readonly waiting = new Map<string, number>();
  admitted = 0;
  /** True if there was a lot. Then numbers alone do not show who is in front. */
  isByLot = false;
  /** The operator who emptied it last, with the reason; '' if the log does not say it. */
  clearedBy = '';
  /** The own wait of the user: its start, and the number of admissions before it. */
  own: { readonly sinceMs: number; readonly admittedBefore: number } | undefined;
}

/**
 * Explains a user's wait by the queue's events: the users in front, the speed of the line, and its
 * steering meanwhile. The waiting users are in memory.
 */
export class WaitingStory {
  readonly #userId: string;
  readonly #lines = new Map<string, Line>();
  readonly told: Told[] = [];

  constructor(userId: string) {
    this.#userId = userId;
  }

  /**
   * Reads the next event of the queue.
   * @throws UnreadableEvent
   */
  see(recorded: RecordedEvent): void {
    if (recorded.type.startsWith('$')) return;
    const event = decode(recorded);
    if (event.type === 'QueueSteered') this.#steered(event.data, recorded.createdMs);
    if (event.type === 'QueueDrawn') this.#drawn(event.data);
    if (event.type !== 'QueueMoved') return;
    // `queue-line-`, the hour in 13 characters, and a room after another dash.
    const room = recorded.stream.slice('queue-line-'.length + 14);
    for (const move of event.data.moves) this.#moved(room, move);
  }

  #lineOf(room: string): Line {
    const line = this.#lines.get(room) ?? new Line();
    this.#lines.set(room, line);
    return line;
  }

  #steered(step: EventData['QueueSteered'], atMs: number): void {
    const { room = '', admittedMax, perMinute, paused, draining, lot, cleared, by, reason } = step;
    const line = this.#lineOf(room);
    // The log may have the step before the enrolment, which it gets a moment later.
    if (cleared) line.clearedBy = ` by ${by} (${reason})`;
    if (line.own === undefined) return;
    const now = [
      admittedMax === null ? 'as many places as the setting allows' : `${admittedMax} places`,
      ...(perMinute === null ? [] : [`${perMinute} admissions per minute`]),
      ...(paused ? ['paused: nobody is admitted'] : []),
      ...(draining ? ['new users cannot enrol'] : []),
      ...(lot === null ? [] : [`places by lot from ${lot.from}, the sale opens at ${lot.opensAt}`]),
      ...(cleared ? ['the line was emptied'] : []),
    ];
    this.#tell(room, atMs, `the queue was steered by ${by} (${reason}): ${now.join(', ')}`);
  }

  #drawn({ room = '', opensAt, seed, at }: EventData['QueueDrawn']): void {
    const line = this.#lineOf(room);
    line.isByLot = true;
    if (line.own === undefined) return;
    this.#tell(room, Date.parse(at), `places before ${opensAt} were drawn by lot, seed ${seed}`);
  }

  #moved(room: string, [kind, userId, number, atMs]: Move): void {
    const line = this.#lineOf(room);
    if (userId === this.#userId || kind === 'cleared') this.#own(room, line, kind, atMs);
    if (kind === 'enrolled' || kind === 'unclaimed') line.waiting.set(userId, number);
    if (kind === 'admitted' || kind === 'left') line.waiting.delete(userId);
    if (kind === 'admitted') line.admitted += 1;
    if (kind === 'cleared') line.waiting.clear();
  }

  #own(room: string, line: Line, kind: Move[0], atMs: number): void {
    const { own } = line;
    // The line was emptied, and the user did not wait there.
    if (kind === 'cleared' && own === undefined) return;
    const speed = own === undefined ? '' : howLong(own, line, atMs);
    const front = `by the log, ${line.waiting.size} users waited in front`;
    const byWhom = kind === 'cleared' ? line.clearedBy : '';
    const what = kind === 'enrolled' ? `enrolled: ${front}` : `${ownWords[kind]}${byWhom}`;
    this.#tell(room, atMs, kind === 'admitted' ? `${what}${speed}` : what);
    if (kind === 'away' || kind === 'back') return;
    const waits = kind === 'enrolled' || kind === 'unclaimed';
    line.own = waits ? { sinceMs: atMs, admittedBefore: line.admitted } : undefined;
  }

  /**
   * Called after the last event. Describes a wait that has not ended.
   * @param nowMs milliseconds since the epoch
   */
  conclude(nowMs: number): void {
    for (const [room, line] of this.#lines) {
      const number = line.waiting.get(this.#userId);
      if (line.own === undefined || number === undefined) continue;
      const ahead = [...line.waiting.values()].filter((other) => other < number).length;
      const so = howLong(line.own, line, nowMs);
      const front = line.isByLot ? '' : `; ${ahead} users in front, also those who are away`;
      this.#tell(room, nowMs, `still waits${so}${front}`);
    }
  }

  #tell(room: string, atMs: number, what: string): void {
    this.told.push({ atMs, room, what });
    if (this.told.length > toldMax) this.told.shift();
  }
}

/** A text about the length of the wait and the speed of the line. */
function howLong(own: NonNullable<Line['own']>, line: Line, atMs: number): string {
  const seconds = Math.max(0, atMs - own.sinceMs) / 1_000;
  const admitted = line.admitted - own.admittedBefore;
  const speed = seconds < 1 ? '' : `, ${((60 * admitted) / seconds).toFixed(1)} per minute`;
  return ` after ${seconds.toFixed(1)} s, in which ${admitted} others were admitted${speed}`;
}

/**
 * The facts in the log about a user's waiting, in the log's order.
 * @throws EventStoreUnavailable, UnreadableEvent
 */
export async function waitingOf(
  log: Pick<EventStore, 'subscribe'>,
  userId: string,
  nowMs: number,
): Promise<readonly Told[]> {
  const story = new WaitingStory(userId);
  const wanted = { after: null, prefixes: ['queue-'], signal: new AbortController().signal };
  await readToEnd(log, wanted, readMsMax, (message) => {
    if (message.kind === 'event') story.see(message.event);
    return undefined;
  });
  story.conclude(nowMs);
  // An absence is reported when it is over.
  return story.told.sort((one, other) => one.atMs - other.atMs);
}

/** A line of a table: the time, the room (if any), and the fact. */
export const asToldLine = ({ atMs, room, what }: Told): string =>
  `${iso(atMs)}  ${room === '' ? '' : `room ${room}: `}${what}`;
