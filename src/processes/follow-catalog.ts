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
import { restoredStream } from '../events/streams.ts';
import { pause } from '../support/pause.ts';
import { FailureReport, type ProcessParts } from './repeat.ts';

const what = 'follow the catalog';
/** What is on sale, and whether anything is. */
const followedPrefixes = ['concert-', restoredStream];
/** Pause before a subscription that ended is made again, in milliseconds. */
const againMs = 500;

export interface FollowCatalogParts extends ProcessParts {
  readonly store: Pick<EventStore, 'readStream' | 'subscribe'>;
  readonly catalog: Catalog;
}

/**
 * Keeps the catalog in memory up with the log's concert events. An event that cannot be read is
 * reported and passed over: that concert stays as it was, the others go on. When one is skipped for
 * good, all is read anew without it. A stream that is nobody's is passed over. A subscription that
 * the store refuses is made again; meanwhile the catalog is not followed, and knows. Of a log that
 * is not the one that was read before, all is read anew, and takes the place of what was known once
 * it is complete.
 * @returns `ready` when the history is in; `ended` when the signal aborted
 */
export function followCatalog(parts: FollowCatalogParts): {
  ready: Promise<void>;
  ended: Promise<void>;
} {
  let caughtUp = () => {};
  const ready = new Promise<void>((resolve) => {
    caughtUp = resolve;
  });
  return { ready, ended: new Follower(parts, caughtUp).follow() };
}

class Follower {
  readonly #parts: FollowCatalogParts;
  readonly #caughtUp: () => void;
  readonly #foreign: ForeignStreams;
  /** Where the last event taken is. */
  #after: LogPlace | null = null;
  /** Takes the events: the catalog, or what takes its place later. */
  #target: Catalog;
  /**
   * Read before the history; what is skipped later is met in it, so that it is known whether its
   * event was taken.
   */
  #skips: Skips | undefined;

  constructor(parts: FollowCatalogParts, caughtUp: () => void) {
    this.#parts = parts;
    this.#caughtUp = caughtUp;
    this.#foreign = new ForeignStreams(parts.store);
    this.#target = parts.catalog;
  }

  /** Subscribes again and again until the signal aborts. */
  async follow(): Promise<void> {
    const { catalog, signal, onError } = this.#parts;
    const report = new FailureReport(what, onError);
    while (!signal.aborted) {
      try {
        await this.#take();
        report.worked();
      } catch (error) {
        if (error instanceof LogDiffers || error instanceof SkippedSince) {
          this.#after = null;
          this.#target = new Catalog();
        }
        if (error instanceof LogDiffers) this.#skips = undefined;
        // What is known holds until then, but for what nobody here could read.
        if (error instanceof SkippedSince && !signal.aborted) continue;
        report.failed(error);
      }
      if (signal.aborted) return;
      catalog.setFollowed(false);
      await pause(againMs, signal);
    }
  }

  /** Takes events until the subscription ends. */
  async #take(): Promise<void> {
    const { store, signal, onError } = this.#parts;
    this.#skips ??= await readSkips(store);
    const subscription = { after: this.#after, prefixes: followedPrefixes, signal };
    for await (const message of store.subscribe(subscription)) {
      if (message.kind === 'caught-up') this.#isComplete();
      if (message.kind !== 'event') continue;
      this.#after = placeOf(message.event);
      // The projections report such events.
      if (message.event.type !== tombstoneType && (await this.#foreign.has(message.event))) {
        continue;
      }
      try {
        this.#apply(message.event, this.#skips);
      } catch (error) {
        if (error instanceof SkippedSince) throw error;
        onError(what, error);
      }
    }
  }

  #isComplete(): void {
    const { catalog } = this.#parts;
    if (this.#target !== catalog) catalog.becomeLike(this.#target);
    this.#target = catalog;
    catalog.setFollowed(true);
    this.#caughtUp();
  }

  #apply(recorded: RecordedEvent, known: Skips): void {
    const skip = skipIn(recorded);
    if (skip !== undefined && !known.knows(skip)) {
      known.add(skip);
      throw new SkippedSince();
    }
    if (!isMark(recorded) && !known.has(recorded)) this.#target.apply(decode(recorded));
  }
}

/** An event of the history counts for nothing by now. */
class SkippedSince extends Error {}
