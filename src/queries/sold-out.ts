import { type Kysely, sql } from 'kysely';
import type { Database } from '../projections/models/database.ts';

/** What is known of the seats is asked for again once it is this old, in milliseconds. */
const freshMs = 2_000;
/** Older than this it is not told any more: PostgreSQL has given no answer since. In ms. */
const keptMs = 30_000;

/**
 * The sessions of which every seat is paid. A seat that is held and not paid may come back, so its
 * session is not sold out. Costs a scan of the sessions and of the holds, by their partial index.
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

/** A session as the catalog in memory has it. */
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
  /** Do the tables show the log that is sold from, now? */
  readonly isShown: () => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Of which rooms of the waiting queue nothing is left to buy: each session of the room's concerts
 * is sold out, cancelled or over. A session whose sale is not open yet is left to buy; so is one
 * with a seat that is held unpaid, as holds end. A refund, or a new session, makes a room one with
 * something left again. A room without any session is not sold out.
 *
 * To ask costs nothing: what is known is at most `freshMs` old while it is asked for, plus the time
 * of one query, and is found once for all rooms and askers.
 */
export class SoldOutRooms {
  readonly #parts: SoldOutParts;
  #rooms: ReadonlySet<string> = new Set();
  /** When it was asked for, by `performance.now()`. */
  #knownAtMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(parts: SoldOutParts) {
    this.#parts = parts;
  }

  /** Never waits. False also while it is not known. */
  has(room: string): boolean {
    const ageMs = performance.now() - this.#knownAtMs;
    if (ageMs > freshMs) void this.look();
    return ageMs <= keptMs && this.#rooms.has(room);
  }

  /** Looks now, unless somebody does already. Never throws. */
  look(): Promise<void> {
    this.#asking ??= this.#look()
      // The lists of the read side say that PostgreSQL is away; here it only becomes unknown.
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
