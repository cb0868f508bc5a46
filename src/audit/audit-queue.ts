import type { EventStore } from '../commands/core/event-store.ts';
import { decode, type RecordedEvent, UnreadableEvent } from '../events/codec.ts';
import type { Stay } from './audited-place.ts';
import { type ExceptionCode, type Finding, Findings, type ViolationCode } from './findings.ts';
import { InOrder } from './in-order.ts';
import type { Lot } from './lots.ts';
import { type AuditSettings, RoomAudit, type RoomFigures } from './room-audit.ts';
import { RoomSteering } from './steering.ts';

/** If the log sends nothing for this long, the audit fails. In milliseconds. */
const silentMsMax = 15_000;
/** The streams of the queue's events. */
const prefixes = ['queue-'];
/** The room of a stream of moves, after the hour; '' is the line of the shop. */
const lineStream = /^queue-line-[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}(?:-(.+))?$/;
/**
 * The audit reads moves from this long before the period, to know the places at its start. In
 * milliseconds.
 */
const knownMs = 12 * 3_600_000;

export interface AuditOptions {
  readonly settings: AuditSettings;
  /** The period of the audit, in milliseconds since the epoch. Default: the whole log. */
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
  /** The largest number of listed findings of each kind. All are counted. */
  readonly listedMax: number;
  /**
   * Called with each stay that ended in the period or continues at its end. The audit waits for the
   * result.
   */
  readonly onStays?: (stays: readonly Stay[]) => Promise<void>;
  readonly onProgress?: (events: number) => void;
}

export interface RoomVerdict extends RoomFigures {
  /** '' for the line of the shop. */
  readonly room: string;
  /** The largest number of users who were inside at once. */
  readonly insideMost: number;
  /** The number of waiting users at the end of the period, by the log. */
  readonly waiting: number;
  /** The lots: the time, the seed, and the number of places. */
  readonly lots: readonly Lot[];
}

export interface AuditVerdict {
  readonly events: number;
  readonly rooms: readonly RoomVerdict[];
  readonly violations: Listed<ViolationCode>;
  readonly exceptions: Listed<ExceptionCode>;
}

export interface Listed<Code extends string> {
  readonly total: number;
  readonly byCode: Readonly<Partial<Record<Code, number>>>;
  readonly listed: readonly Finding<Code>[];
}

/**
 * Reads the queue's events to the end of the log, and checks each room separately. The service may
 * be running. It keeps in memory: users who wait or are inside, about 300 bytes each; 200,000 moves
 * that it sorts; and up to 200,000 admissions per room, 16 bytes each.
 * @throws EventStoreUnavailable; Error if the log sends nothing
 */
export async function auditQueue(
  store: Pick<EventStore, 'subscribe'>,
  options: AuditOptions,
): Promise<AuditVerdict> {
  const audit = new QueueAudit(options);
  const end = new AbortController();
  const watchdog = setTimeout(() => end.abort(), silentMsMax);
  let isWhole = false;
  try {
    const { signal } = end;
    for await (const message of store.subscribe({ after: null, prefixes, signal })) {
      watchdog.refresh();
      if (message.kind === 'event') await audit.see(message.event);
      if (message.kind !== 'caught-up') continue;
      isWhole = true;
      break;
    }
  } finally {
    clearTimeout(watchdog);
    end.abort();
  }
  if (!isWhole) throw new Error(`the event store sent nothing for ${silentMsMax} ms`);
  return audit.conclude();
}

interface Room {
  readonly audit: RoomAudit;
  readonly moves: InOrder;
}

class QueueAudit {
  readonly #options: AuditOptions;
  readonly #fromMs: number;
  readonly #untilMs: number;
  readonly #violations: Findings<ViolationCode>;
  readonly #exceptions: Findings<ExceptionCode>;
  readonly #rooms = new Map<string, Room>();
  readonly #steering = new Map<string, RoomSteering>();
  #stays: Stay[] = [];
  #events = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
    this.#fromMs = options.fromMs ?? 0;
    this.#untilMs = options.untilMs ?? Number.POSITIVE_INFINITY;
    this.#violations = new Findings(options.listedMax);
    this.#exceptions = new Findings(options.listedMax);
  }

  async see(recorded: RecordedEvent): Promise<void> {
    try {
      this.#take(recorded);
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) throw error;
      const finding = { room: '', userId: '', atMs: recorded.createdMs, detail: error.message };
      this.#violations.add({ code: 'unreadable', ...finding });
    }
    await this.#tellStays();
  }

  async conclude(): Promise<AuditVerdict> {
    const rooms: RoomVerdict[] = [];
    for (const [room, { audit, moves }] of [...this.#rooms].sort(([a], [b]) => (a < b ? -1 : 1))) {
      moves.end();
      const { waiting } = audit;
      const lots = this.#steeringOf(room).lots.all();
      audit.conclude(moves.newestMs);
      rooms.push({ room, ...audit.figures, insideMost: audit.insideMost, waiting, lots });
      await this.#tellStays();
    }
    return {
      events: this.#events,
      rooms,
      violations: listed(this.#violations),
      exceptions: listed(this.#exceptions),
    };
  }

  #take(recorded: RecordedEvent): void {
    const { stream, createdMs } = recorded;
    // The store's own event, for example on a deleted stream.
    if (recorded.type.startsWith('$')) return;
    this.#events += 1;
    this.#options.onProgress?.(this.#events);
    const event = decode(recorded);
    if (event.type === 'QueueSteered') {
      this.#steeringOf(event.data.room ?? '').add(event.data, createdMs);
    }
    if (event.type === 'QueueDrawn') {
      const room = event.data.room ?? '';
      const detail = this.#steeringOf(room).lots.draw(event.data, createdMs);
      const finding = { code: 'wrong-draw', room, userId: '', atMs: createdMs } as const;
      if (detail !== undefined && createdMs >= this.#fromMs) {
        this.#violations.add({ ...finding, detail });
      }
    }
    if (event.type !== 'QueueMoved') return;
    const [isLine, room = ''] = lineStream.exec(stream) ?? [];
    if (isLine === undefined) throw new UnreadableEvent(recorded, 'its stream is no line');
    const { moves } = this.#roomOf(room);
    for (const move of event.data.moves) {
      const [, , , atMs] = move;
      if (atMs >= this.#fromMs - knownMs && atMs <= this.#untilMs) moves.add(move);
    }
  }

  #steeringOf(room: string): RoomSteering {
    let steering = this.#steering.get(room);
    if (steering === undefined) {
      steering = new RoomSteering(this.#options.settings.places);
      this.#steering.set(room, steering);
    }
    return steering;
  }

  #roomOf(name: string): Room {
    let room = this.#rooms.get(name);
    if (room === undefined) {
      const audit = new RoomAudit({
        room: name,
        settings: this.#options.settings,
        steering: this.#steeringOf(name),
        violations: this.#violations,
        exceptions: this.#exceptions,
        fromMs: this.#fromMs,
        onStay: (stay) => {
          const { endedMs, admittedMs, enrolledMs } = stay;
          const lastMs = endedMs ?? admittedMs ?? enrolledMs ?? this.#fromMs;
          if (lastMs >= this.#fromMs && this.#options.onStays) this.#stays.push(stay);
        },
      });
      room = { audit, moves: new InOrder((move, awayMs) => audit.see(move, awayMs)) };
      this.#rooms.set(name, room);
    }
    return room;
  }

  async #tellStays(): Promise<void> {
    if (this.#stays.length === 0) return;
    await this.#options.onStays?.(this.#stays);
    this.#stays = [];
  }
}

const listed = <Code extends string>({ total, counts, kept }: Findings<Code>): Listed<Code> => ({
  total,
  byCode: Object.fromEntries(counts) as Partial<Record<Code, number>>,
  listed: kept,
});
