import type { Kysely } from 'kysely';
import { isUnavailable } from '../infrastructure/postgres.ts';
import type { Database } from '../projections/models/database.ts';
import { type ReadSide, ReadSideUnavailable } from './read-side.ts';

/** Longest wait for the tables, in milliseconds. */
const reachedMsMax = 2_000;

/**
 * Makes a function that finds which seats of a session a user has bought and not given back. It
 * reads the tables once they show everything that the log had when it was called, so a restart, an
 * emptied Redis or another instance makes no difference. The function throws EventStoreUnavailable
 * and ReadSideUnavailable.
 */
export function createBoughtSeats(parts: {
  readonly db: Kysely<Database>;
  readonly reads: Pick<ReadSide, 'reached'>;
  /** See `createLogEnd`. */
  readonly logEnd: () => Promise<bigint | null>;
}): (buyer: { readonly userId: string; readonly sessionId: string }) => Promise<readonly string[]> {
  const { db, reads, logEnd } = parts;
  return async ({ userId, sessionId }) => {
    const end = await logEnd();
    if (end !== null && !(await reads.reached(end, reachedMsMax))) {
      throw new ReadSideUnavailable(`the tables did not reach position ${end} in time`);
    }
    try {
      const rows = await db
        .selectFrom('reservation')
        .select('seat_ids')
        .where('user_id', '=', userId)
        .where('session_id', '=', sessionId)
        .where('status', '=', 'sold')
        .where('order_id', 'is', null)
        .execute();
      return rows.flatMap(({ seat_ids }) => seat_ids.split(','));
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      throw new ReadSideUnavailable('PostgreSQL gave no answer', error);
    }
  };
}
