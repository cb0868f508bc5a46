import { type Kysely, sql } from 'kysely';

/**
 * Which log a projection's rows are of: the id of its first event that projections read. Null while
 * they have none, and in an older database until the engine's next commit.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE projection_checkpoint ADD COLUMN first_event text`.execute(db);
}
