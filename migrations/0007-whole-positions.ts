import { type Kysely, sql } from 'kysely';

/**
 * A checkpoint's other half (`prepare`), and by which event the log is known again (`event_id`, at
 * `event_position`).
 *
 * Tables that had one half were told (P, 0) as P, after which an event may be at P: read on from
 * (P, 0), it comes again, and whether it is in the tables tells `event_position`. Which event that
 * was is not known: it is taken to be the one that is there when the log is read the next time.
 *
 * `first_event`, by which the log was known before, goes: a service of an older version fails on it
 * at its next batch, in words, rather than leave a checkpoint that is half old.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE projection_checkpoint
    ADD COLUMN prepare bigint,
    ADD COLUMN event_id text,
    DROP COLUMN first_event`.execute(db);
  await sql`UPDATE projection_checkpoint
    SET prepare = CASE WHEN position = event_position THEN position ELSE 0 END
    WHERE position IS NOT NULL`.execute(db);
}
