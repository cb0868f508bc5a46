import { join } from 'node:path';
import { RestoreError } from '../backup/restore-events.ts';
import type { Config } from '../config.ts';
import { readRestored } from '../events/restored.ts';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { connectPostgres, type Postgres } from '../infrastructure/postgres.ts';
import { liveSchema, oldSchema } from '../projections/engine/live-schema.ts';
import { borrowServers, mustExist } from '../servers/servers.ts';
import { findService } from '../servers/service-file.ts';
import { ExpectedTables } from '../verify/expected-tables.ts';
import { LogReader } from '../verify/log-source.ts';
import { findMissing, type MissingFact } from '../verify/missing-facts.ts';
import { Skipped } from '../verify/skips.ts';
import { checkLater } from './check-options.ts';
import { append } from './restore-log.ts';

const nextSteps = 'reprise rebuild, then reprise restore open, which ends with it';

/** The longest time to read a whole table, in milliseconds. */
const statementTimeoutMs = 120_000;

/** `reprise restore reconcile`. @throws Error in words for people */
export async function reconcile(flags: { readonly json?: true }, config: Config): Promise<void> {
  if (config.postgresUrl === undefined && findService(config.dataDir) === undefined) {
    await mustExist(
      join(config.dataDir, 'postgres'),
      'set POSTGRES_URL to the PostgreSQL with the old tables',
    );
  }
  const servers = await borrowServers(config);
  const store = connectEventStore(servers.eventStoreUrl);
  const postgres = connectPostgres(servers.postgresUrl, { connectionsMax: 1, statementTimeoutMs });
  try {
    const restored = await readRestored(store);
    if (restored === undefined) throw new RestoreError('the log was never restored');
    if (!restored.isFinished) {
      throw new RestoreError('the restore was interrupted: run reprise restore again first');
    }
    const missing = await missingIn(servers.eventStoreUrl, postgres);
    console.log(flags.json ? JSON.stringify({ missing }, null, 2) : describe(missing));
    const data = { epoch: restored.epoch, missing: missing.length, at: new Date().toISOString() };
    await append(store, restored.revision, { type: 'LogReconciled', data });
    // Standard output may be JSON.
    if (!restored.isOpen) console.error(checkLater('the sale is closed', nextSteps));
  } finally {
    await postgres.close();
    await store.close();
    await servers.stop();
  }
}

async function missingIn(eventStoreUrl: string, postgres: Postgres): Promise<MissingFact[]> {
  const client = await postgres.pool.connect();
  const log = new LogReader(eventStoreUrl);
  try {
    const live = await liveSchema(client);
    const { rows } = await client.query<{ position: bigint | null; id: string | null }>(
      `SELECT event_position AS position, event_id AS id FROM ${live}.projection_checkpoint
       ORDER BY event_position DESC NULLS LAST LIMIT 1`,
    );
    const [last] = rows;
    const expected = new ExpectedTables(new Skipped(await log.skips()));
    let isOfThisLog = false;
    await log.readTo(undefined, (event) => {
      isOfThisLog ||= event.position === last?.position && event.id === last.id;
      expected.see(event);
    });
    // If tables have an event of this log at its position, they were made from this log. Then the
    // older tables are those that a rebuild replaced.
    const schema = isOfThisLog || last?.position == null ? oldSchema(live) : live;
    const found = await client.query('SELECT to_regclass($1) AS there', [`${schema}.reservation`]);
    if (found.rows[0]?.there == null) {
      throw new RestoreError('PostgreSQL has no old tables: there is nothing to compare');
    }
    return await findMissing(client, schema, expected);
  } finally {
    log.close();
    client.release(true);
  }
}

/** A line a fact, and sums. */
function describe(missing: readonly MissingFact[]): string {
  if (missing.length === 0)
    return 'nothing is missing: the restored log has all facts of the old tables';
  const lines = missing.map(({ what, userId, id, before, now, amount, currency }) =>
    what === 'charge'
      ? `user ${userId}: ${amount} ${currency} charged, missing in the log`
      : `user ${userId}: ${what} ${id}, ${amount} ${currency}, was ${before}; in the log: ${now ?? 'nothing'}`,
  );
  const sums = new Map<string, { count: number; amount: number }>();
  for (const { what, before, amount, currency } of missing) {
    const kind =
      what === 'charge' ? `charges, ${currency}` : `${what}s that were ${before}, ${currency}`;
    const sum = sums.get(kind) ?? { count: 0, amount: 0 };
    sums.set(kind, { count: sum.count + 1, amount: sum.amount + amount });
  }
  lines.push('', 'Missing in the restored log:');
  for (const [kind, { count, amount }] of sums) lines.push(`  ${count} ${kind} ${amount} in total`);
  return lines.join('\n');
}
