import { expect } from 'chai';
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { RecordedEvent } from '../../../src/events/codec.ts';
import type { Database } from '../../../src/projections/models/database.ts';
import { hashOf, rowsFromScratch, tableRows } from './read-models.ts';

/** The schemas of the service, in order. */
export const schemasIn = async (db: Kysely<Database>): Promise<string[]> => {
  const { rows } = await sql<{ name: string }>`
    SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'reprise%' ORDER BY 1`.execute(db);
  return rows.map(({ name }) => name);
};

/** The version of a read model that is live. */
export const versionIn = async (
  db: Kysely<Database>,
  name: string,
): Promise<number | undefined> => {
  const { rows } = await sql<{ version: number }>`
    SELECT version FROM projection_checkpoint WHERE name = ${name}`.execute(db);
  return rows[0]?.version;
};

/** The seats as the later version has them, and every other table, against the log. */
export const expectNewTablesIn = async (db: Kysely<Database>, of: readonly RecordedEvent[]) => {
  const { seat: seatsFromScratch = [], ...others } = rowsFromScratch(of);
  const { rows } = await sql<Record<string, string>>`
    SELECT session_id, seat_id, ordinal::text, section, row_name, price::text, currency, status,
      reservation_id, user_id, gate FROM seat
    ORDER BY session_id COLLATE "C", seat_id COLLATE "C"`.execute(db);
  const asked = seatsFromScratch.map(({ seat_number: number, ...row }) => ({
    ...row,
    gate: `gate ${row.section}-${number}`,
  }));
  expect(hashOf(rows)).to.equal(hashOf(asked));
  await sql`ALTER TABLE seat ADD COLUMN seat_number integer`.execute(db);
  const { seat: _, ...found } = await tableRows(db);
  await sql`ALTER TABLE seat DROP COLUMN seat_number`.execute(db);
  expect(hashOf(found)).to.equal(hashOf(others));
};
