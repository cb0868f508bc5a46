/**
 * A service of the later version, as far as the read models go, as a process of its own, to be
 * killed: `<event store URL> <PostgreSQL URL> <events after which the log gives no more, 0 for
 * all>`. It tells its parent how far the new tables are.
 */
import type { EventStore } from '../../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../../src/infrastructure/eventstoredb.ts';
import { connectPostgres } from '../../../src/infrastructure/postgres.ts';
import { runProjections } from '../../../src/projections/engine/engine.ts';
import { renewTables } from '../../../src/projections/rebuild/renew.ts';
import { newerProjections } from './newer-projections.ts';

const [eventStoreUrl = '', postgresUrl = '', stallAt = '0'] = process.argv.slice(2);
const eventStore = connectEventStore(eventStoreUrl);
const { signal } = new AbortController();

/** A log that falls silent. */
const slow: Pick<EventStore, 'subscribe' | 'readStream' | 'head'> = {
  head: () => eventStore.head(),
  readStream: (...asked) => eventStore.readStream(...asked),
  async *subscribe(options) {
    let events = 0;
    for await (const message of eventStore.subscribe(options)) {
      if (message.kind === 'event') events += 1;
      if (events > Number(stallAt)) await new Promise(() => {});
      yield message;
    }
  },
};

runProjections({
  eventStore,
  pool: connectPostgres(postgresUrl).pool,
  projections: newerProjections,
  logger: { debug() {}, warn() {}, error: console.error },
  signal,
  renew: () =>
    renewTables({
      eventStore: stallAt === '0' ? eventStore : slow,
      pool: connectPostgres(postgresUrl, { statementTimeoutMs: 60_000 }).pool,
      projections: newerProjections,
      signal,
      onProgress: ({ step, events }) => process.send?.({ step, events }),
      onWait: () => {},
      onTrouble: console.error,
    }),
});
process.on('disconnect', () => process.exit());
