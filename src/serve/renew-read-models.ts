import { Kysely, PostgresDialect } from 'kysely';
import { migrate } from '../../migrations/migrate.ts';
import type { EventStore } from '../commands/core/event-store.ts';
import type { Logger } from '../infrastructure/logger.ts';
import { connectPostgres } from '../infrastructure/postgres.ts';
import { projections } from '../projections/models/registry.ts';
import { rebuildConnection } from '../projections/rebuild/options.ts';
import { rebuildProgress } from '../projections/rebuild/rebuild-progress.ts';
import { renewTables } from '../projections/rebuild/renew.ts';
import { ProgressMeter } from '../support/progress-meter.ts';

/**
 * For `reprise serve`: if a deployment finds the read models of an older version, builds those of
 * this version, with its own connections, and prints its progress. Throws the errors of
 * `renewTables`.
 */
export async function renewReadModels(
  postgresUrl: string,
  eventStore: EventStore,
  { say, logger, signal }: { say: (line: string) => void; logger: Logger; signal: AbortSignal },
): Promise<void> {
  const postgres = connectPostgres(postgresUrl, rebuildConnection);
  // Plain lines, also on a terminal: other parts of the starting service write there, too.
  const output = { write: (text: string) => say(`  read models  ${text.trimEnd()}`) };
  const meter = new ProgressMeter({ output });
  try {
    await renewTables({
      eventStore,
      pool: postgres.pool,
      projections,
      signal,
      onProgress: (progress) => meter.show(rebuildProgress(progress)),
      onWait: (events) =>
        meter.show({ doing: 'another process builds them', done: events ?? 0, unit: 'events' }),
      onTrouble: (error) => logger.warn({ err: error }, 'read models: building is held up'),
    });
    say('  read models  those of this version are in place');
  } finally {
    await postgres.close();
  }
}

/**
 * For `reprise serve`: migrates the tables to the newest schema, with time limits that are long
 * enough for large tables. Throws the errors of `migrate`.
 */
export async function migrateTables(
  postgresUrl: string,
  waiting: { readonly say: (line: string) => void; readonly signal: AbortSignal },
): Promise<void> {
  const { pool } = connectPostgres(postgresUrl, rebuildConnection);
  const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
  try {
    await migrate(db, waiting);
  } finally {
    await db.destroy();
  }
}
