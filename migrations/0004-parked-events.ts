import { type Kysely, sql } from 'kysely';

/**
 * The streams whose events are kept from the read models: a stream's first event that could not be
 * read, or had to wait, and how many of its events (`events`, this one among them) wait for it to
 * be retried.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE TABLE parked_event (
    stream text PRIMARY KEY,
    revision bigint NOT NULL,
    position bigint NOT NULL,
    type text NOT NULL,
    error text NOT NULL,
    events integer NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now()
  )`.execute(db);
}
