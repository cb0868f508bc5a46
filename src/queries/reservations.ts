import { type Kysely, sql } from 'kysely';
import type { Database } from '../projections/models/database.ts';
import type { ReservationRow } from '../projections/models/reservation/projection.ts';

/** A reservation as its owner sees it. Times are ISO 8601 UTC. */
export interface ReservationView {
  readonly reservationId: string;
  readonly sessionId: string;
  readonly seatIds: readonly string[];
  readonly userId: string;
  readonly status: 'held' | 'sold' | 'released';
  readonly price: number;
  readonly currency: string;
  readonly reservedAt: string;
  readonly expiresAt: string;
  readonly paymentId: string | null;
  readonly releaseReason: ReservationRow['release_reason'];
}

const select = (db: Kysely<Database>) =>
  db
    .selectFrom('reservation')
    .select([
      'reservation_id as reservationId',
      'session_id as sessionId',
      'seat_ids as seatIds',
      'user_id as userId',
      'status',
      'price',
      'currency',
      'reserved_at as reservedAt',
      'expires_at as expiresAt',
      'payment_id as paymentId',
      'release_reason as releaseReason',
    ]);

type Selected = Awaited<ReturnType<ReturnType<typeof select>['execute']>>[number];

const view = (row: Selected): ReservationView => ({
  ...row,
  seatIds: row.seatIds.split(','),
  price: Number(row.price),
  reservedAt: row.reservedAt.toISOString(),
  expiresAt: row.expiresAt.toISOString(),
});

/** One reservation; undefined for an unknown id. A seat of an order has no own reservation. */
export async function reservationById(
  db: Kysely<Database>,
  id: string,
): Promise<ReservationView | undefined> {
  const row = await select(db)
    .where('reservation_id', '=', id)
    .where('order_id', 'is', null)
    .executeTakeFirst();
  return row && view(row);
}

/**
 * A user's reservations, newest first, at most `limit`; with `before`, those made before that
 * reservation of the user.
 */
export async function reservationsOf(
  db: Kysely<Database>,
  userId: string,
  limit: number,
  before?: string,
): Promise<readonly ReservationView[]> {
  const rows = await select(db)
    .where('user_id', '=', userId)
    .where('order_id', 'is', null)
    .$if(before !== undefined, (query) =>
      query.where(
        sql<boolean>`(reserved_at, reservation_id) < (
          SELECT reserved_at, reservation_id FROM reservation
          WHERE reservation_id = ${before} AND user_id = ${userId})`,
      ),
    )
    .orderBy('reserved_at', 'desc')
    .orderBy('reservation_id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(view);
}
