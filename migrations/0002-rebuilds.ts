import { type Kysely, sql } from 'kysely';

/**
 * What a rebuild leaves in a checkpoint: when it put new tables in place, and how often the new
 * ones held other rows (`generation`), by which running services notice that what they know of the
 * old ones does not hold.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE projection_checkpoint
    ADD COLUMN generation integer NOT NULL DEFAULT 0,
    ADD COLUMN rebuilt_at timestamptz`.execute(db);
}
