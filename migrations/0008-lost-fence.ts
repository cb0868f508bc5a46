import { type Kysely, sql } from 'kysely';

/**
 * How a statement that moves a checkpoint fails where the checkpoint is not where it was read: with
 * an error of its own, SQLSTATE RP001. The class RP belongs neither to the SQL standard nor to
 * PostgreSQL. The function is in the schema of the tables, and stays there when a rebuild exchanges
 * tables. An older version of the service does without it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE OR REPLACE FUNCTION raise_lost_fence() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN RAISE 'the checkpoint is elsewhere' USING ERRCODE = 'RP001'; END $$`.execute(db);
}
