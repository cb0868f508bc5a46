import type { Kysely } from 'kysely';
import type { Database } from '../projections/database.ts';

/** A hold whose time is over and that is still to be ended. */
export interface DueHold {
  readonly reservationId: string;
  readonly sessionId: string;
  readonly userId: string;
  readonly expiresAt: Date;
}

/** The holds that end at or before `now`, the longest over first, at most `limit`. */
export async function dueHolds(
  db: Kysely<Database>,
  now: Date,
  limit: number,
): Promise<readonly DueHold[]> {
  return db
    .selectFrom('reservation')
    .select([
      'reservation_id as reservationId',
      'session_id as sessionId',
      'user_id as userId',
      'expires_at as expiresAt',
    ])
    .where('status', '=', 'held')
    .where('expires_at', '<=', now)
    .orderBy('expires_at')
    .limit(limit)
    .execute();
}
