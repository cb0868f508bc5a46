import { Catalog } from '../commands/concert/catalog.ts';
import {
  type EventStore,
  LogDiffers,
  type LogPlace,
  placeOf,
  tombstoneType,
} from '../commands/core/event-store.ts';
import { ForeignStreams } from '../commands/core/foreign-streams.ts';
import { decode, type RecordedEvent } from '../events/codec.ts';
import { isMark, readSkips, type Skips, skipIn } from '../events/skipped.ts';
import { pause } from '../support/pause.ts';
import type { ProcessParts } from './repeat.ts';

const what = 'follow the catalog';
/** Pause before a subscription that ended is made again, in milliseconds. */
const againMs = 500;

/**
 * Keeps the catalog in memory up with the log's concert events. An event that cannot be read is
 * reported and passed over: that concert stays as it was, the others go on. When one is skipped for
 * good, all is read anew without it. A stream that is nobody's is passed over. A subscription that
 * the store refuses is made again; meanwhile the catalog is not followed, and knows. Of a log that
 * is not the one that was read before, all is read anew, and takes the place of what was known once
 * it is complete.
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
  const foreign = new ForeignStreams(store);
  /** Where the last event taken is. */
  let after: LogPlace | null = null;
  /** Takes the events: the catalog, or what is to take its place. */
  let target = catalog;
  /**
   * Read before the history; what is skipped later is met in it, so that it is known whether its
   * event was taken.
   */
  let skips: Skips | undefined;
  const apply = (recorded: RecordedEvent, known: Skips) => {
    const skip = skipIn(recorded);
    if (skip !== undefined && !known.knows(skip)) {
      known.add(skip);
      throw new SkippedSince();
    }
    if (!isMark(recorded) && !known.has(recorded)) target.apply(decode(recorded));
  };
  const take = async () => {
    skips ??= await readSkips(store);
    for await (const message of store.subscribe({ after, prefixes: ['concert-'], signal })) {
      if (message.kind === 'caught-up') {
        if (target !== catalog) catalog.becomeLike(target);
        target = catalog;
        catalog.setFollowed(true);
        caughtUp();
      }
      if (message.kind !== 'event') continue;
      after = placeOf(message.event);
      // The projections tell of them.
      if (message.event.type !== tombstoneType && (await foreign.has(message.event))) continue;
      try {
        apply(message.event, skips);
      } catch (error) {
        if (error instanceof SkippedSince) throw error;
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
        if (error instanceof LogDiffers || error instanceof SkippedSince) {
          after = null;
          target = new Catalog();
        }
        if (error instanceof LogDiffers) skips = undefined;
        // What is known holds until then, but for what nobody here could read.
        if (error instanceof SkippedSince && !signal.aborted) continue;
        // Told once, however often it is tried again.
        if (String(error) !== told) onError(what, error);
        told = String(error);
      }
      if (signal.aborted) return;
      catalog.setFollowed(false);
      await pause(againMs, signal);
    }
  };
  return { ready, ended: follow() };
}

/** An event of the history counts for nothing by now. */
class SkippedSince extends Error {}
