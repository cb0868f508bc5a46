import { createHash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { Database } from '../projections/models/database.ts';
import { isOf, type RowChange } from '../projections/models/row-change.ts';
import { type SeatRow, seatTable } from '../projections/models/seat/projection.ts';
import { sessionTable } from '../projections/models/session/projection.ts';
import { type Entry, type EntryKind, firstKeyOf, type Loaded } from './mirror.ts';
import { prepared, preparedOfChunks, versionOf } from './prepared.ts';
import type { PreparedBody, SeatFilter } from './read-side.ts';
import { Snapshots } from './snapshots.ts';

/** A seat in its session's list. */
export type SeatView = Pick<
  SeatRow,
  'seat_id' | 'section' | 'row_name' | 'seat_number' | 'price' | 'currency' | 'status'
>;

// Both have the same length, so a seat can change in place.
const available = Buffer.from('true ');
const taken = Buffer.from('false');
const flagBytes = taken.length;
const comma = Buffer.from(',');
const end = Buffer.from(']}');

export const seatMapEntry = (sessionId: string): string => `seats ${sessionId}`;

/** All seats that one event puts belong to one session. */
export const seatMapEntries: EntryKind = {
  tables: [sessionTable, seatTable],
  keysOf: (change) => [seatMapEntry(firstKeyOf(change))],
};

/** The place of a seat in the bytes. */
interface Place {
  readonly section: string;
  /** Its object begins here … */
  readonly from: number;
  /** … and the value of its last member here. */
  readonly flagAt: number;
}

/**
 * One session's seats as the bytes of their list. A change writes five bytes. A body is a copy of
 * the bytes, made when it is read after a change; of the whole list, only the changed chunks are
 * copied. A session of 50,000 seats is about 6 MB.
 */
export class SeatMap implements Entry {
  readonly weight: number;
  readonly #bytes: Buffer;
  readonly #snapshots: Snapshots;
  readonly #head: Buffer;
  /** By seat id, in seat-map order. */
  readonly #places = new Map<string, Place>();
  readonly #sections = new Set<string>();
  readonly #generation: bigint;
  /** Of the session's row. */
  #version: bigint;
  /** The bodies of this version that were read, by their filter. */
  readonly #bodies = new Map<string, PreparedBody>();

  /**
   * @param seats in seat-map order
   * @param version of the session's row
   * @param generation of the tables
   */
  constructor(
    concertId: string,
    sessionId: string,
    seats: readonly SeatView[],
    version: bigint,
    generation = 0n,
  ) {
    this.#generation = generation;
    this.#version = version;
    this.weight = seats.length + 1;
    const start = `{"concertId":${JSON.stringify(concertId)},"sessionId":${JSON.stringify(sessionId)},"seatList":[`;
    const parts = [start];
    this.#head = Buffer.from(start);
    let at = this.#head.length;
    for (const [index, seat] of seats.entries()) {
      const separator = index === 0 ? '' : ',';
      const head = seatHead(seat);
      const from = at + separator.length;
      at = from + Buffer.byteLength(head);
      this.#places.set(seat.seat_id, { section: seat.section, from, flagAt: at });
      this.#sections.add(seat.section);
      parts.push(
        separator,
        head,
        (seat.status === 'available' ? available : taken).toString(),
        '}',
      );
      at += flagBytes + 1;
    }
    parts.push(end.toString());
    this.#bytes = Buffer.from(parts.join(''));
    this.#snapshots = new Snapshots(this.#bytes);
  }

  apply(change: RowChange, position: bigint): void {
    if (change.kind !== 'patch') return;
    // Every change of the row counts, as in PostgreSQL. So an instance that loads the row now has
    // the same ETag.
    if (isOf(sessionTable, change) && 'version' in change.set) this.#changed(position);
    const at = this.#places.get(change.key[1] ?? '')?.flagAt;
    if (!isOf(seatTable, change) || at === undefined || !('status' in change.set)) return;
    const flag = change.set.status === 'available' ? available : taken;
    if (this.#bytes[at] === flag[0]) return;
    flag.copy(this.#bytes, at);
    this.#snapshots.changed(at, flagBytes);
    this.#changed(position);
  }

  /** @param cancelled the session is cancelled: no seat is available */
  prepared(filter: SeatFilter = {}, cancelled = false): PreparedBody {
    const part = partOf(filter, cancelled);
    const known = this.#bodies.get(part);
    if (known !== undefined) return known;
    const version = versionOf(this.#generation, this.#version);
    const made =
      part === ''
        ? preparedOfChunks(this.#snapshots.take(), version)
        : prepared(this.#list(this.#bytes, filter, cancelled), version, part);
    // A client can send any text as a section. Only existing sections are kept, which bounds the
    // memory.
    const { section } = filter;
    if (section === undefined || this.#sections.has(section)) this.#bodies.set(part, made);
    return made;
  }

  /**
   * The list with these seats taken and all others available, independent of their current state.
   * Seats and prices never change. The list is not kept. Its ETag depends on the taken seats.
   */
  preparedWith(
    takenSeats: ReadonlySet<string>,
    filter: SeatFilter,
    cancelled: boolean,
  ): PreparedBody {
    const bytes = Buffer.from(this.#bytes);
    const flags = Buffer.alloc(this.#places.size);
    let index = 0;
    for (const [seatId, { flagAt }] of this.#places) {
      const flag = takenSeats.has(seatId) ? taken : available;
      if (bytes[flagAt] !== flag[0]) flag.copy(bytes, flagAt);
      flags[index++] = flag[0] as number;
    }
    const digest = createHash('sha256').update(flags).digest('hex').slice(0, 32);
    const body = this.#list(bytes, filter, cancelled);
    const version = `then.${versionOf(this.#generation, digest)}`;
    return prepared(body, version, partOf(filter, cancelled));
  }

  #changed(position: bigint): void {
    this.#version = position;
    this.#bodies.clear();
  }

  /** It is always a copy, because a socket may still send it after the next change. */
  #list(bytes: Buffer, { section, availableOnly = false }: SeatFilter, cancelled: boolean) {
    const isWhole = section === undefined && !availableOnly;
    const listed = isWhole ? Buffer.from(bytes) : this.#filtered(bytes, section, availableOnly);
    return cancelled ? this.#withNoneAvailable(listed, availableOnly) : listed;
  }

  #withNoneAvailable(listed: Buffer, availableOnly: boolean): Buffer {
    if (availableOnly) return Buffer.concat([this.#head, end]);
    const free = `"isAvailable":${available}`;
    return Buffer.from(listed.toString().replaceAll(free, `"isAvailable":${taken}`));
  }

  /** Seats that follow each other are copied together. */
  #filtered(bytes: Buffer, section: string | undefined, availableOnly: boolean): Buffer {
    const parts: Buffer[] = [this.#head];
    let from: number | undefined;
    let to = 0;
    const endRun = () => {
      if (from === undefined) return;
      if (parts.length > 1) parts.push(comma);
      parts.push(bytes.subarray(from, to));
      from = undefined;
    };
    for (const place of this.#places.values()) {
      const isWanted =
        (section === undefined || place.section === section) &&
        (!availableOnly || bytes[place.flagAt] === available[0]);
      if (isWanted) {
        from ??= place.from;
        to = place.flagAt + flagBytes + 1;
      } else {
        endRun();
      }
    }
    endRun();
    return Buffer.concat([...parts, end]);
  }
}

/** The part of an ETag that distinguishes bodies of one version. */
const partOf = ({ section, availableOnly }: SeatFilter, cancelled: boolean): string =>
  `${section === undefined ? '' : `-s.${section}`}${availableOnly ? '-free' : ''}${cancelled ? '-cancelled' : ''}`;

/** A seat's JSON up to the value of its last field, `isAvailable`. */
function seatHead(seat: SeatView): string {
  const json = JSON.stringify({
    seatId: seat.seat_id,
    section: seat.section,
    row: seat.row_name,
    number: seat.seat_number,
    price: seat.price,
    currency: seat.currency,
  });
  return `${json.slice(0, -1)},"isAvailable":`;
}

/** A session's seats in one snapshot. It has no seats if there is no such session. */
export async function loadSeatMap(
  db: Kysely<Database>,
  concertId: string,
  sessionId: string,
): Promise<Loaded<SeatMap>> {
  const { rows } = await sql<{
    position: bigint | null;
    generation: bigint | null;
    version: bigint | null;
    seats: SeatView[];
  }>`
    SELECT
      (SELECT min(event_position) FROM projection_checkpoint) AS position,
      (SELECT sum(generation) FROM projection_checkpoint) AS generation,
      (SELECT version FROM session WHERE session_id = ${sessionId}) AS version,
      (SELECT coalesce(json_agg(json_build_object('seat_id', seat_id, 'section', section,
         'row_name', row_name, 'seat_number', seat_number, 'price', price, 'currency', currency,
         'status', status) ORDER BY ordinal), '[]')
       FROM seat WHERE session_id = ${sessionId}) AS seats`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('a SELECT without FROM has one row');
  const { seats, version, generation } = row;
  const entry = new SeatMap(concertId, sessionId, seats, version ?? 0n, generation ?? 0n);
  return { entry, position: row.position };
}
