import { type Kysely, type RawBuilder, sql } from 'kysely';
import { checkConcertId } from '../events/check-concert.ts';
import { type ConcertRow, concertTable } from '../projections/models/concert/projection.ts';
import type { Database } from '../projections/models/database.ts';
import { isOf, patched, type RowChange } from '../projections/models/row-change.ts';
import { type SessionRow, sessionTable } from '../projections/models/session/projection.ts';
import { type Entry, type EntryKind, firstKeyOf, type Loaded } from './mirror.ts';
import { prepared, versionOf } from './prepared.ts';
import type { PreparedBody } from './read-side.ts';

export const concertListEntry = 'concert-list';

export const concertListEntries: EntryKind = {
  tables: [concertTable, sessionTable],
  keysOf: () => [concertListEntry],
};

/** Every concert with its sessions, and their lists as prepared bodies. */
export class ConcertList implements Entry {
  /**
   * It counts as one row, because every request reads it, and because it cannot be loaded in parts.
   */
  readonly weight = 1;
  readonly #concerts = new Map<string, ConcertRow>();
  readonly #sessions = new Map<string, SessionRow>();
  readonly #sessionsOf = new Map<string, Set<string>>();
  #concertsBody: PreparedBody | undefined;
  readonly #sessionBodies = new Map<string, PreparedBody>();

  readonly #generation: bigint;

  /** @param generation of the tables */
  constructor(concerts: readonly ConcertRow[], sessions: readonly SessionRow[], generation = 0n) {
    this.#generation = generation;
    for (const row of concerts) this.#concerts.set(row.concert_id, row);
    for (const row of sessions) this.#setSession(row);
  }

  apply(change: RowChange): void {
    if (isOf(concertTable, change) && change.kind === 'put') {
      for (const row of change.rows) this.#setConcert(row);
    }
    if (!isOf(sessionTable, change)) return;
    if (change.kind === 'put') {
      for (const row of change.rows) this.#setSession(row);
    }
    if (change.kind === 'patch') {
      const session = this.#sessions.get(firstKeyOf(change));
      if (session !== undefined) this.#setSession(patched(session, change));
    }
  }

  /**
   * `[{concertId, title, venue}]` sorted by id, in natural order: 2 before 10. It does not contain
   * the concert of `reprise check`.
   */
  concertList(): PreparedBody {
    this.#concertsBody ??= concertsBody(
      [...this.#concerts.values()].filter((row) => row.concert_id !== checkConcertId),
      this.#generation,
    );
    return this.#concertsBody;
  }

  /** `[{sessionId, concertId, …}]` by start time, or undefined for an unknown concert. */
  sessionList(concertId: string): PreparedBody | undefined {
    const body = this.#sessionBodies.get(concertId);
    if (body !== undefined || !this.#concerts.has(concertId)) return body;
    const ids = this.#sessionsOf.get(concertId) ?? [];
    const rows = Array.from(ids, (id) => this.#sessions.get(id)).filter((row) => row !== undefined);
    const made = sessionsBody(rows, this.#generation);
    this.#sessionBodies.set(concertId, made);
    return made;
  }

  hasSession(concertId: string, sessionId: string): boolean {
    return this.#sessions.get(sessionId)?.concert_id === concertId;
  }

  /** No seat of a cancelled session is available. */
  isCancelled(sessionId: string): boolean {
    return (this.#sessions.get(sessionId)?.cancelled_at ?? null) !== null;
  }

  #setConcert(row: ConcertRow): void {
    this.#concerts.set(row.concert_id, row);
    this.#concertsBody = undefined;
  }

  #setSession(row: SessionRow): void {
    this.#sessions.set(row.session_id, row);
    this.#sessionBodies.delete(row.concert_id);
    const ids = this.#sessionsOf.get(row.concert_id);
    if (ids === undefined) this.#sessionsOf.set(row.concert_id, new Set([row.session_id]));
    else ids.add(row.session_id);
  }
}

function versionOfRows(rows: readonly { readonly version: string }[], generation: bigint): string {
  const newest = rows.reduce(
    (max, { version }) => (BigInt(version) > max ? BigInt(version) : max),
    0n,
  );
  return versionOf(generation, newest);
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const { compare } = new Intl.Collator('en', { numeric: true });

/**
 * Compares in natural order. Two ids are never equal, so the order does not depend on the order of
 * the rows.
 */
const byId = (a: string, b: string): number => compare(a, b) || byText(a, b);

function concertsBody(rows: ConcertRow[], generation: bigint): PreparedBody {
  const list = rows
    .sort((a, b) => byId(a.concert_id, b.concert_id))
    .map(({ concert_id, title, venue }) => ({ concertId: concert_id, title, venue }));
  return prepared(Buffer.from(JSON.stringify(list)), versionOfRows(rows, generation));
}

function sessionsBody(rows: SessionRow[], generation: bigint): PreparedBody {
  const list = rows
    .sort((a, b) => byText(a.starts_at, b.starts_at) || byId(a.session_id, b.session_id))
    .map((row) => ({
      sessionId: row.session_id,
      concertId: row.concert_id,
      startsAt: row.starts_at,
      salesOpenAt: row.sales_open_at,
      seatsTotal: row.seats_total,
      seatsAvailable: row.cancelled_at === null ? row.seats_available : 0,
      ...(row.cancelled_at === null ? {} : { isCancelled: true }),
    }));
  return prepared(Buffer.from(JSON.stringify(list)), versionOfRows(rows, generation));
}

/** A timestamptz column as ISO 8601 UTC with milliseconds, as `Date.toISOString` writes it. */
const isoTime = (column: string): RawBuilder<string> =>
  sql`to_char(${sql.ref(column)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** The catalog in one snapshot. */
export async function loadConcertList(db: Kysely<Database>): Promise<Loaded<ConcertList>> {
  const { rows } = await sql<{
    position: bigint | null;
    generation: bigint | null;
    concerts: ConcertRow[];
    sessions: SessionRow[];
  }>`
    SELECT
      (SELECT min(event_position) FROM projection_checkpoint) AS position,
      (SELECT sum(generation) FROM projection_checkpoint) AS generation,
      (SELECT coalesce(json_agg(json_build_object('concert_id', concert_id, 'title', title,
         'venue', venue, 'version', version::text)), '[]') FROM concert) AS concerts,
      (SELECT coalesce(json_agg(json_build_object('session_id', session_id,
         'concert_id', concert_id, 'starts_at', ${isoTime('starts_at')},
         'sales_open_at', ${isoTime('sales_open_at')}, 'currency', currency,
         'seats_total', seats_total, 'seats_available', seats_available,
         'cancelled_at', cancelled_at,
         'version', version::text)), '[]') FROM session) AS sessions`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('a SELECT without FROM has one row');
  const { concerts, sessions, generation, position } = row;
  return { entry: new ConcertList(concerts, sessions, generation ?? 0n), position };
}
