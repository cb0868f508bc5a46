import { Catalog } from '../commands/concert/catalog.ts';
import type { EventStore } from '../commands/core/event-store.ts';
import type { Config } from '../config.ts';
import { followCatalog } from '../processes/follow-catalog.ts';
import { withLog } from './with-servers.ts';

/**
 * Runs a command's work with the log and the current catalog, and prints the address of the log.
 */
export const withCatalog = <T>(
  config: Config,
  work: (parts: { readonly store: EventStore; readonly catalog: Catalog }) => Promise<T>,
): Promise<T> =>
  withLog(config, async (store, where) => {
    console.log(`log: ${where}`);
    const abort = new AbortController();
    const catalog = new Catalog();
    const onError = (what: string, error: unknown) =>
      console.error(`${what}: ${error instanceof Error ? error.message : error}`);
    const following = followCatalog({ store, catalog, signal: abort.signal, onError });
    try {
      // If the store refuses, the command fails here at once.
      await store.head();
      await following.ready;
      if (catalog.isSaleClosed) {
        throw new Error(
          'the sale is closed, because the log was restored: see reprise help restore',
        );
      }
      return await work({ store, catalog });
    } finally {
      abort.abort();
      await following.ended;
    }
  });
