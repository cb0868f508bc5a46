import { type Kysely, sql } from 'kysely';
import type { Database } from '../projections/models/database.ts';

/** The amount of work in the work lists. Ages are in seconds; 0 if there is no work. */
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
 * Counts the work, with the partial indexes of the work lists.
 * @param now the time that decides whether a hold is over, in milliseconds since the epoch
 * @param rowsNow the same by the event store's clock, which made the times in the rows
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
