import { type Kysely, sql } from 'kysely';
import type { Database } from '../projections/models/database.ts';

/** How much of the work lists' work there is. Ages are in seconds; 0: there is none. */
export interface UnfinishedWork {
  /** An order counts once. */
  readonly holds: number;
  readonly holdsOverdue: number;
  readonly holdsOverdueOldestSeconds: number;
  readonly paymentsOpen: number;
  readonly paymentsOpenOldestSeconds: number;
  readonly refundsDue: number;
  readonly refundsDueOldestSeconds: number;
}

interface Row {
  readonly holds: bigint;
  readonly overdue: bigint;
  readonly overdueSince: Date | null;
  readonly open: bigint;
  readonly openSince: Date | null;
  readonly due: bigint;
  readonly dueSince: Date | null;
}

/**
 * Counts it, by the partial indexes of the work lists.
 * @param now when a hold is over, in milliseconds since the epoch
 * @param rowsNow the same by the clock that stamped the rows: the event store's
 * @throws the driver's error
 */
export async function unfinishedWork(
  db: Kysely<Database>,
  now: () => number,
  rowsNow: () => number,
): Promise<UnfinishedWork> {
  const nowMs = now();
  const rowsNowMs = rowsNow();
  const { rows } = await sql<Row>`
    WITH hold AS (
      SELECT count(*) AS holds, count(*) FILTER (WHERE is_over) AS overdue,
        min(expires_at) FILTER (WHERE is_over) AS overdue_since
      FROM (
        SELECT expires_at, expires_at <= ${new Date(nowMs)} AS is_over FROM reservation
        WHERE status = 'held' AND order_id IS NULL
      ) AS held
    ), open AS (
      SELECT count(*) AS open, min(held_at) AS open_since FROM payment WHERE status = 'held'
    ), due AS (
      SELECT count(*) AS due, min(refund_due_at) AS due_since FROM payment
      WHERE refund_due_at IS NOT NULL
    )
    SELECT holds, overdue, overdue_since AS "overdueSince", open, open_since AS "openSince", due,
      due_since AS "dueSince"
    FROM hold, open, due`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('counts have one row');
  return {
    holds: Number(row.holds),
    holdsOverdue: Number(row.overdue),
    holdsOverdueOldestSeconds: secondsSince(row.overdueSince, nowMs),
    paymentsOpen: Number(row.open),
    paymentsOpenOldestSeconds: secondsSince(row.openSince, rowsNowMs),
    refundsDue: Number(row.due),
    refundsDueOldestSeconds: secondsSince(row.dueSince, rowsNowMs),
  };
}

const secondsSince = (since: Date | null, nowMs: number): number =>
  since === null ? 0 : Math.max(0, nowMs - since.getTime()) / 1_000;
