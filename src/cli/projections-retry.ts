import { Kysely, PostgresDialect } from 'kysely';
import { migrate } from '../../migrations/migrate.ts';
import type { Config } from '../config.ts';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { connectPostgres } from '../infrastructure/postgres.ts';
import type { Database } from '../projections/models/database.ts';
import { projections } from '../projections/models/registry.ts';
import { retryParked } from '../projections/parking/retry.ts';
import { borrowServers } from '../servers/servers.ts';
import { counted, parkedLines } from './projections-show.ts';

/** The service's transactions are waited for, and a batch of our own may be large. */
const statementTimeoutMs = 60_000;

/** Between two lines that tell how far it is, in ms. */
const lineMs = 2_000;

/** Streams that are listed. */
const goneLinesMax = 20;

/**
 * `reprise projections retry`. Sets the exit code to 1 when events stay parked.
 * @throws Error in words for people when it could not be done, or was cancelled
 */
export async function retryProjections(config: Config): Promise<void> {
  const servers = await borrowServers(config);
  const { pool } = connectPostgres(servers.postgresUrl, { statementTimeoutMs });
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  const eventStore = connectEventStore(servers.eventStoreUrl);
  const aborter = new AbortController();
  const cancel = () => aborter.abort(new Error('cancelled: what was written stays written'));
  process.on('SIGINT', cancel).on('SIGTERM', cancel);
  let toldMs = performance.now();
  try {
    await migrate(db);
    const { written, skipped, gone, remaining } = await retryParked({
      eventStore,
      pool,
      projections,
      signal: aborter.signal,
      onProgress: (done, parked) => {
        if (performance.now() - toldMs < lineMs) return;
        toldMs = performance.now();
        console.log(`${done} of ${parked} parked events are written`);
      },
    });
    if (written + skipped === 0 && gone.size === 0 && remaining.length === 0)
      console.log('nothing is parked');
    if (skipped > 0) console.log(`skipped: ${counted(skipped, 'event')} that had been parked`);
    if (written > 0) console.log(`written: ${counted(written, 'event')} that had been parked`);
    for (const line of goneLines(gone)) console.log(line);
    for (const line of parkedLines(remaining)) console.log(line);
    if (remaining.length > 0) process.exitCode = 1;
  } finally {
    process.off('SIGINT', cancel).off('SIGTERM', cancel);
    await eventStore.close();
    await db.destroy();
    await servers.stop();
  }
}

/** What was parked and is no longer in the log, or on a stream that is nobody's. */
function* goneLines(gone: ReadonlyMap<string, number>): Generator<string> {
  if (gone.size === 0) return;
  const events = [...gone.values()].reduce((sum, count) => sum + count, 0);
  yield `given up: ${counted(events, 'event')} of ${counted(gone.size, 'stream')}, no longer in the log, or nobody’s`;
  for (const [stream, count] of [...gone].slice(0, goneLinesMax)) {
    yield `  ${stream}, ${counted(count, 'event')}`;
  }
  const more = gone.size - goneLinesMax;
  if (more > 0) yield `  and ${counted(more, 'stream')} more`;
}
