/**
 * The advisory locks of PostgreSQL that the read models use, each as SQL. Migrations have one more:
 * Kysely's own (`migrations/lock.ts`).
 *
 * A key's lower half is a fixed number, for people who look at `pg_locks`. The upper half is the
 * number of the live schema, so that several services can share a database. It is 0 for `public`.
 * The statement needs a connection whose first schema is the live one. `connectPostgres` gives such
 * connections.
 */
const lockKey = (base: number): string =>
  `(CASE current_schema() WHEN 'public' THEN 0
    ELSE hashtext(current_schema()::text)::bigint << 32 END + ${base})`;

/** Held by the one engine that writes the read models. */
export const leaderLock = lockKey(7_277_001);

/** Held by the one rebuild that runs. */
export const rebuildLock = lockKey(7_277_002);

/** Held by the one process that builds the tables of a new version. */
export const renewLock = lockKey(7_277_003);
