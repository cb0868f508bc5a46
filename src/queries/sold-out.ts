import { type Kysely, sql } from 'kysely';
import type { Database } from '../projections/models/database.ts';

/** The result is refreshed when it is this old, in milliseconds. */
const freshMs = 2_000;
/**
 * A result older than this is not used, because PostgreSQL has given no answer since then. In ms.
 */
const keptMs = 30_000;

/**
 * The sessions in which every seat is paid. A seat that is held and not paid may become free, so
 * its session is not sold out. Needs a scan of the sessions and of the holds, by their partial
 * index.
 * @throws the driver's error
 */
export async function soldOutSessions(db: Kysely<Database>): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ session_id: string }>`
    SELECT session_id FROM session
    WHERE seats_available = 0 AND session_id NOT IN (
      SELECT session_id FROM reservation WHERE status = 'held'
    )`.execute(db);
  return new Set(rows.map(({ session_id }) => session_id));
}

/** A session in the catalog in memory. */
interface SessionOnSale {
  readonly concertId: string;
  readonly sessionId: string;
  /** Milliseconds since the epoch. */
  readonly startsAtMs: number;
  readonly cancelled: boolean;
}

export interface SoldOutParts {
  /** @throws when PostgreSQL gives no answer */
  readonly soldOut: () => Promise<ReadonlySet<string>>;
  readonly catalog: {
    /** All that there are. */
    sessions(): Iterable<SessionOnSale>;
    /** The room where a concert's buyers wait; '' for the line of the shop. */
    roomOf(concertId: string): string;
  };
  /** Do the tables belong to the current log, and are they up to date? */
  readonly isShown: () => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Finds the rooms of the waiting queue with nothing left to buy. In such a room, each session of
 * the room's concerts is sold out, cancelled or over. A session whose sale is not open yet is not
 * sold out. A session with a held, unpaid seat is not sold out either, because holds end. After a
 * refund, or with a new session, a room is no longer sold out. A room without any session is not
 * sold out.
 *
 * A call costs nothing. While there are calls, the result is at most `freshMs` old, plus the time
 * of one query. One query serves all rooms and callers.
 */
export class SoldOutRooms {
  readonly #parts: SoldOutParts;
  #rooms: ReadonlySet<string> = new Set();
  /** The time of the last query, by `performance.now()`. */
  #knownAtMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(parts: SoldOutParts) {
    this.#parts = parts;
  }

  /** Never waits. Also false while the result is unknown. */
  has(room: string): boolean {
    const ageMs = performance.now() - this.#knownAtMs;
    if (ageMs > freshMs) void this.look();
    return ageMs <= keptMs && this.#rooms.has(room);
  }

  /** Starts a query now, unless one is running. Never throws. */
  look(): Promise<void> {
    this.#asking ??= this.#look()
      // The read side reports that PostgreSQL is away. Here, the result only becomes unknown.
      .catch(() => {})
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  async #look(): Promise<void> {
    const { soldOut, catalog, isShown, now } = this.#parts;
    const askedMs = performance.now();
    if (!isShown()) return;
    const gone = await soldOut();
    const nowMs = now();
    const all = new Set<string>();
    const left = new Set<string>();
    for (const { concertId, sessionId, startsAtMs, cancelled } of catalog.sessions()) {
      const room = catalog.roomOf(concertId);
      all.add(room);
      if (!cancelled && startsAtMs > nowMs && !gone.has(sessionId)) left.add(room);
    }
    this.#rooms = new Set([...all].filter((room) => !left.has(room)));
    this.#knownAtMs = askedMs;
  }
}
