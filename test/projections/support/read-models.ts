import { createHash } from 'node:crypto';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { migrate } from '../../../migrations/migrate.ts';
import { decode, type RecordedEvent } from '../../../src/events/codec.ts';
import { connectPostgres, type Postgres } from '../../../src/infrastructure/postgres.ts';
import type { Logger } from '../../../src/projections/engine/options.ts';
import type { Database } from '../../../src/projections/models/database.ts';
import { joinProjections } from '../../../src/projections/models/projection.ts';
import { projections } from '../../../src/projections/models/registry.ts';
import { patched, type Row, type RowChange } from '../../../src/projections/models/row-change.ts';
import { type TestDatabase, testDatabase } from '../../support/servers.ts';

export const silent: Logger = { debug() {}, warn() {}, error() {} };

export interface ReadModels {
  readonly url: string;
  readonly postgres: Postgres;
  readonly db: Kysely<Database>;
  close(): Promise<void>;
}

/** With the newest schema, and nobody connected: it is copied for each test. */
let migrated: Promise<TestDatabase> | undefined;

async function migratedDatabase(): Promise<TestDatabase> {
  const database = await testDatabase();
  const { pool } = connectPostgres(database.url);
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  await migrate(db);
  await db.destroy();
  return database;
}

// Loaded with the test files, outside any `describe`: this is a hook of the whole run. An embedded
// server is gone by now.
if (typeof after === 'function') {
  after('drop the database that the others were copies of', async () => {
    await (await migrated)?.drop().catch(() => {});
  });
}

/** A fresh database with the newest schema. */
export async function readModels(): Promise<ReadModels> {
  migrated ??= migratedDatabase();
  const database = await testDatabase(await migrated);
  const postgres = connectPostgres(database.url);
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: postgres.pool }) });
  return {
    url: database.url,
    postgres,
    db,
    async close() {
      await db.destroy();
      await database.drop();
    },
  };
}

const tables = projections.flatMap((projection) => projection.tables);

/** Each table's rows as text, in key order. */
export async function tableRows(db: Kysely<Database>): Promise<Record<string, readonly Row[]>> {
  const found: Record<string, readonly Row[]> = {};
  for (const { name, columns, key } of tables) {
    const list = Object.entries(columns).map(([column, type]) =>
      type === 'timestamptz'
        ? sql`to_char(${sql.ref(column)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${sql.ref(column)}`
        : sql`${sql.ref(column)}::text AS ${sql.ref(column)}`,
    );
    const order = key.map((column) => sql`${sql.ref(column)} COLLATE "C"`);
    const { rows } = await sql<Row>`
      SELECT ${sql.join(list)} FROM ${sql.table(name)} ORDER BY ${sql.join(order)}`.execute(db);
    found[name] = rows;
  }
  return found;
}

/** The same, from the events alone, one change after another: what the tables must be. */
export function rowsFromScratch(events: Iterable<RecordedEvent>): Record<string, readonly Row[]> {
  const project = joinProjections(projections);
  const state = new Map(tables.map((table) => [table.name, new Map<string, Row>()]));
  for (const event of events) {
    for (const change of project(decode(event))) applyPlainly(change, state.get(change.table.name));
  }
  const found: Record<string, readonly Row[]> = {};
  for (const { name, columns } of tables) {
    const rows = [...(state.get(name) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    found[name] = rows.map(([, row]) => asText(row, Object.keys(columns)));
  }
  return found;
}

/** A row change as its definition has it, without folding. */
export function applyPlainly(change: RowChange, rows: Map<string, Row> | undefined): void {
  if (rows === undefined) throw new Error(`no such table: ${change.table.name}`);
  const keyOf = (row: Row) => change.table.key.map((column) => row[column]).join('\u0000');
  switch (change.kind) {
    case 'put':
      for (const row of change.rows) rows.set(keyOf(row), row);
      return;
    case 'ensure':
      if (!rows.has(keyOf(change.row))) rows.set(keyOf(change.row), change.row);
      return;
    case 'patch': {
      const row = rows.get(change.key.join('\u0000'));
      if (row !== undefined) rows.set(change.key.join('\u0000'), patched(row, change));
    }
  }
}

/** In the order in which `tableRows` selects, whatever order a projection wrote them in. */
const asText = (row: Row, columns: readonly string[]): Row =>
  Object.fromEntries(
    columns.map((column) => [column, row[column] == null ? null : String(row[column])]),
  );

/** A digest of tables, to compare large ones. */
export const hashOf = (rows: unknown): string =>
  createHash('sha256').update(JSON.stringify(rows)).digest('hex');
