import type { Kysely } from 'kysely';
import type { Database } from '../projections/database.ts';

/** A payment whose money is held and neither captured nor released. */
export interface OpenPayment {
  readonly paymentId: string;
  readonly userId: string;
  readonly reservationId: string;
  readonly amount: number;
  readonly heldAt: Date;
}

/** The payments held at or before `since` and still open, the oldest first, at most `limit`. */
export async function openPayments(
  db: Kysely<Database>,
  since: Date,
  limit: number,
): Promise<readonly OpenPayment[]> {
  const rows = await db
    .selectFrom('payment')
    .select([
      'payment_id as paymentId',
      'user_id as userId',
      'reservation_id as reservationId',
      'amount',
      'held_at as heldAt',
    ])
    .where('status', '=', 'held')
    .where('held_at', '<=', since)
    .orderBy('held_at')
    .limit(limit)
    .execute();
  return rows.map((row) => ({ ...row, amount: Number(row.amount) }));
}
