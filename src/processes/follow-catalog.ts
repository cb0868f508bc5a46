import type { Catalog } from '../commands/concert/catalog.ts';
import type { EventStore } from '../commands/event-store.ts';
import { decode } from '../events/codec.ts';
import type { ProcessParts } from './repeat.ts';

/**
 * Keeps the catalogue in memory up with the log's concert events. An event that cannot be read is reported and skipped:
 * that concert stays as it was, the others go on.
 * @returns `ready` when the history is in; `ended` when the signal aborted
 */
export function followCatalog({
  store,
  catalog,
  signal,
  onError,
}: ProcessParts & { readonly store: EventStore; readonly catalog: Catalog }): {
  ready: Promise<void>;
  ended: Promise<void>;
} {
  let caughtUp = () => {};
  const ready = new Promise<void>((resolve) => {
    caughtUp = resolve;
  });
  const follow = async () => {
    for await (const message of store.subscribe({ after: null, prefixes: ['concert-'], signal })) {
      if (message.kind === 'caught-up') caughtUp();
      if (message.kind !== 'event') continue;
      try {
        catalog.apply(decode(message.event));
      } catch (error) {
        onError('follow the catalogue', error);
      }
    }
  };
  return { ready, ended: follow().catch((error) => onError('follow the catalogue', error)) };
}
