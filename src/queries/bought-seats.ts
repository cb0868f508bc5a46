import type { Kysely } from 'kysely';
import { isUnavailable } from '../infrastructure/postgres.ts';
import type { Database } from '../projections/models/database.ts';
import { type ReadSide, ReadSideUnavailable } from './read-side.ts';

/** Longest wait for the tables, in milliseconds. */
const reachedMsMax = 2_000;

/**
 * Makes a function that finds the seats of a session that a user has bought and not given back. It
 * waits until the tables show all events that the log had at the call. So the result is right after
 * a restart, after a loss of Redis's data, and on any instance. The function throws
 * EventStoreUnavailable and ReadSideUnavailable.
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
