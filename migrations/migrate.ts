import { type Kysely, type Migration, Migrator, sql } from 'kysely';
import * as readModels from './0001-read-models.ts';
import * as rebuilds from './0002-rebuilds.ts';
import * as projectionEngine from './0003-projection-engine.ts';
import * as parkedEvents from './0004-parked-events.ts';
import * as heldForOrders from './0005-held-for-orders.ts';
import * as logOfTables from './0006-log-of-tables.ts';
import * as wholePositions from './0007-whole-positions.ts';
import * as lostFence from './0008-lost-fence.ts';
import { untilNobodyMigrates, type Waiting } from './lock.ts';

/** Every migration by name, applied in the names' order, once each, forward only. */
const migrations: Readonly<Record<string, Migration>> = {
  '0001-read-models': readModels,
  '0002-rebuilds': rebuilds,
  '0003-projection-engine': projectionEngine,
  '0004-parked-events': parkedEvents,
  '0005-held-for-orders': heldForOrders,
  '0006-log-of-tables': logOfTables,
  '0007-whole-positions': wholePositions,
  '0008-lost-fence': lostFence,
};

/** Their names, in their order. */
export const migrationNames: readonly string[] = Object.keys(migrations);

/**
 * Brings a database to the newest schema, under Kysely's lock: processes that start together take
 * turns, and the second finds nothing to do. All or nothing: a migration that fails leaves the
 * database as it was. What was migrated is noted where the tables are: in the connection's own
 * schema, whatever other schemas have.
 * @returns the names of the migrations that were applied now
 * @throws what PostgreSQL said, or that the database was migrated by a newer version of the service
 */
export async function migrate<Tables>(
  db: Kysely<Tables>,
  waiting: Waiting = { say: console.error },
): Promise<readonly string[]> {
  await untilNobodyMigrates(db, waiting);
  const { rows } = await sql<{ own: string }>`SELECT current_schema() AS own`.execute(db);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    ...(rows[0]?.own ? { migrationTableSchema: rows[0].own } : {}),
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  return (results ?? []).map(({ migrationName }) => migrationName);
}
