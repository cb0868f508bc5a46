import { type Kysely, sql } from 'kysely';
import type { Database } from '../projections/database.ts';

/** What a crash, or work after an answer that failed, left half way: the processes' durable lists of what to finish. */

/** A payment whose money is owed back. */
export interface RefundDue {
  readonly userId: string;
  readonly reservationId: string;
  readonly amount: number;
  readonly currency: string;
}

/** The payments whose seat was given back at or before `since` and whose money is still owed, oldest first. */
export async function refundsDue(
  db: Kysely<Database>,
  since: Date,
  limit: number,
): Promise<readonly RefundDue[]> {
  const rows = await db
    .selectFrom('payment')
    .select(['user_id as userId', 'reservation_id as reservationId', 'amount', 'currency'])
    .where('refund_due_at', '<=', since)
    .orderBy('refund_due_at')
    .limit(limit)
    .execute();
  return rows.map((row) => ({ ...row, amount: Number(row.amount) }));
}

/**
 * The orders that wait since `since` or longer for a confirmation, or for their seats to follow them: also those that had ended
 * when a seat was taken for them. Oldest first.
 */
export async function unsettledOrders(
  db: Kysely<Database>,
  since: Date,
  limit: number,
): Promise<readonly string[]> {
  const waiting = db
    .selectFrom('reservation')
    .select(['reservation_id as id', 'unsettled_since as at'])
    .where('unsettled_since', '<=', since);
  const keepingSeats = db
    .selectFrom('reservation as seat')
    .innerJoin('reservation as order', (join) =>
      join.on('order.reservation_id', '=', sql`'order.' || seat.order_id`),
    )
    .select(['order.reservation_id as id', 'seat.reserved_at as at'])
    .where('seat.status', '=', 'held')
    .where('seat.order_id', 'is not', null)
    .where('seat.reserved_at', '<=', since)
    .where('order.status', '=', 'released');
  const rows = await waiting.union(keepingSeats).orderBy('at').limit(limit).execute();
  return [...new Set(rows.map(({ id }) => id))];
}

/** Reservations of cancelled sessions that are still held or sold: their buyers get seats and money back. */
export async function cancelledReservations(
  db: Kysely<Database>,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('reservation')
    .innerJoin('session', 'session.session_id', 'reservation.session_id')
    .select('reservation.reservation_id as id')
    .where('session.cancelled_at', 'is not', null)
    .where('reservation.status', 'in', ['held', 'sold'])
    .where('reservation.order_id', 'is', null)
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}
