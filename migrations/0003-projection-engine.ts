import { type Kysely, sql } from 'kysely';

/** What the instance that writes the read models last said of itself: at most one row. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE TABLE projection_engine (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    state text NOT NULL,
    error text,
    events_per_second double precision NOT NULL,
    told_at timestamptz NOT NULL
  ) WITH (fillfactor = 50)`.execute(db);
}
