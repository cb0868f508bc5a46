import { Catalog } from '../commands/concert/catalog.ts';
import type { EventStore } from '../commands/core/event-store.ts';
import type { Config } from '../config.ts';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { followCatalog } from '../processes/follow-catalog.ts';
import { borrowEventStore } from '../servers/servers.ts';

/**
 * Runs a command's work with the log and the catalog as it is now: the running service's event store, the configured
 * one, or one started for the command. Everything is closed afterwards.
 */
export async function withCatalog<T>(
  config: Config,
  work: (parts: { readonly store: EventStore; readonly catalog: Catalog }) => Promise<T>,
): Promise<T> {
  const server = await borrowEventStore(config);
  console.log(`log: ${server.where}`);
  const store = connectEventStore(server.url);
  const abort = new AbortController();
  const catalog = new Catalog();
  const onError = (what: string, error: unknown) =>
    console.error(`${what}: ${error instanceof Error ? error.message : error}`);
  const following = followCatalog({ store, catalog, signal: abort.signal, onError });
  try {
    // A store that says no says it here, at once.
    await store.head();
    await following.ready;
    return await work({ store, catalog });
  } finally {
    abort.abort();
    await following.ended;
    await store.close();
    await server.stop();
  }
}
