/**
 * The projection engine as a process of its own, to be killed: `<event store URL> <PostgreSQL
 * URL>`.
 */
import { connectEventStore } from '../../../src/infrastructure/eventstoredb.ts';
import { connectPostgres } from '../../../src/infrastructure/postgres.ts';
import { runProjections } from '../../../src/projections/engine/engine.ts';
import { projections } from '../../../src/projections/models/registry.ts';

const [eventStoreUrl = '', postgresUrl = ''] = process.argv.slice(2);
runProjections({
  eventStore: connectEventStore(eventStoreUrl),
  pool: connectPostgres(postgresUrl).pool,
  projections,
  logger: { debug() {}, warn() {}, error: console.error },
  signal: new AbortController().signal,
  // Small batches, so that a kill meets every moment of one.
  limits: { batchEventsMax: 20, standbyPollMs: 50, retryMsMax: 50 },
});
process.on('disconnect', () => process.exit());
