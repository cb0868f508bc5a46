import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';

/**
 * The key of Kysely's lock (its `PostgresAdapter`), which whoever migrates holds, of any service on
 * the database.
 */
const migrationLock = 3853314791062309107n;

/** Between two looks at who has it, and longest wait for it, in milliseconds. */
const lookMs = 300;
const waitMsMax = 600_000;

export interface Waiting {
  /** Told once, when another process has the lock. */
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits until nobody migrates. Not in the lock's own line: a statement there is ended after a few
 * seconds, and nobody is told.
 * @throws Error naming who has it after ten minutes; what the signal was aborted with
 */
export async function untilNobodyMigrates<Tables>(
  db: Kysely<Tables>,
  { say, signal }: Waiting,
): Promise<void> {
  const endMs = performance.now() + waitMsMax;
  for (let looks = 0; ; looks += 1) {
    signal?.throwIfAborted();
    const { rows } = await sql<{ pid: number; name: string | null }>`
      SELECT pid, application_name AS name
      FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid <> pg_backend_pid()
        AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32 | objid::bigint) = ${migrationLock}`.execute(db);
    const [holder] = rows;
    if (holder === undefined) return;
    const who = `PostgreSQL's process ${holder.pid}${holder.name ? ` (${holder.name})` : ''}`;
    if (performance.now() > endMs) {
      throw new Error(
        `${who} has had the lock of migrations for ${waitMsMax / 60_000} minutes: end it`,
      );
    }
    if (looks === 2)
      say(`  waiting      ${who} brings the tables up to date, or has the lock for it …`);
    await sleep(lookMs, undefined, signal && { signal }).catch(() => {});
  }
}
