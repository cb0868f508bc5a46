import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';

/**
 * Waits until the service has ended the open holds and payments of the history.
 * @param settledMsMax the longest wait, in milliseconds
 */
export async function untilSettled(rows: pg.Client, settledMsMax = 300_000): Promise<void> {
  for (const end = Date.now() + settledMsMax; Date.now() < end; await delay(500)) {
    const { rows: open } = await rows.query(
      `SELECT 1 FROM reservation WHERE status = 'held' UNION ALL
       SELECT 1 FROM payment WHERE status = 'held' OR refund_due_at IS NOT NULL LIMIT 1`,
    );
    if (open.length === 0) return;
  }
  throw new Error(`the service was not quiet after ${settledMsMax / 1_000} s`);
}
