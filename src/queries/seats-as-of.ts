import { type Kysely, sql } from 'kysely';
import type { Database } from '../projections/models/database.ts';

/**
 * The data for a session's seat list at a past moment. Seats and prices are not here, because they
 * never change.
 */
export interface TakenSeats {
  /** The seats that were held or sold, by id. */
  readonly taken: ReadonlySet<string>;
  readonly isCancelled: boolean;
}

/**
 * The seats of a session that were taken at a moment, including that moment's events, in one
 * statement. The table of reservations has the begin and the end of each one, from the log's
 * events. As in the seat list, only events count. If the time of a hold is over, the seat counts as
 * taken until the event that ends the hold, a moment later.
 *
 * Exact as long as the event store's clock was not set back between two events of one seat.
 */
export async function takenAsOf(
  db: Kysely<Database>,
  sessionId: string,
  asOf: Date,
): Promise<TakenSeats> {
  const { rows } = await sql<{ taken: string | null; isCancelled: boolean | null }>`
    SELECT
      (SELECT cancelled_at <= ${asOf} FROM session WHERE session_id = ${sessionId}) AS "isCancelled",
      (SELECT string_agg(seat_ids, ',') FROM reservation
       WHERE session_id = ${sessionId} AND reserved_at <= ${asOf}
         AND (status <> 'released' OR resolved_at > ${asOf})
         -- The id of an order has two parts: its seats have rows of their own.
         AND split_part(reservation_id, '.', 3) <> '') AS taken`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('a SELECT without FROM has one row');
  return { taken: new Set(row.taken?.split(',')), isCancelled: row.isCancelled ?? false };
}
