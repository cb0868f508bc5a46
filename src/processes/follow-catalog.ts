import { setTimeout as sleep } from 'node:timers/promises';
import type { Catalog } from '../commands/concert/catalog.ts';
import { type EventStore, type LogPlace, placeOf } from '../commands/event-store.ts';
import { decode } from '../events/codec.ts';
import type { ProcessParts } from './repeat.ts';

const what = 'follow the catalogue';
/** Pause before a subscription that ended is made again, in milliseconds. */
const againMs = 500;

/**
 * Keeps the catalogue in memory up with the log's concert events. An event that cannot be read is reported and skipped:
 * that concert stays as it was, the others go on. A subscription that the store refuses is made again; meanwhile the
 * catalogue is not followed, and knows.
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
  /** Where the last event taken is. */
  let after: LogPlace | null = null;
  const take = async () => {
    for await (const message of store.subscribe({ after, prefixes: ['concert-'], signal })) {
      if (message.kind === 'caught-up') {
        catalog.setFollowed(true);
        caughtUp();
      }
      if (message.kind !== 'event') continue;
      after = placeOf(message.event);
      try {
        catalog.apply(decode(message.event));
      } catch (error) {
        onError(what, error);
      }
    }
  };
  const follow = async () => {
    let told = '';
    while (!signal.aborted) {
      try {
        await take();
        told = '';
      } catch (error) {
        // Told once, however often it is tried again.
        if (String(error) !== told) onError(what, error);
        told = String(error);
      }
      if (signal.aborted) return;
      catalog.setFollowed(false);
      await sleep(againMs, undefined, { signal }).catch(() => {});
    }
  };
  return { ready, ended: follow() };
}
