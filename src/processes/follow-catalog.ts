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
/** The streams that say what is on sale, and whether the sale is open. */
const followedPrefixes = ['concert-', restoredStream];

export interface FollowCatalogParts extends ProcessParts {
  readonly store: Pick<EventStore, 'readStream' | 'subscribe'>;
  readonly catalog: Catalog;
  /** Pause before a new subscription after one has ended, in milliseconds. Default 500. */
  readonly againMs?: number;
}

/**
 * Keeps the catalog in memory up to date with the log's concert events. It reports an unreadable
 * event and ignores it. That concert does not change, and the others continue. When an operator
 * skips an event, it reads all events again without this one. It ignores foreign streams. If the
 * store refuses the subscription, it subscribes again. Meanwhile the catalog is not followed, and
 * knows this. If the log is not the log that was read before, it reads the new log completely, and
 * then replaces the old catalog.
 * @returns `ready` resolves when all past events are read; `ended` when the signal has aborted
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
  /** The place of the last event that was applied. */
  #after: LogPlace | null = null;
  /** The catalog that gets the events: the served one, or a new one that will replace it. */
  #target: Catalog;
  /**
   * Read before the past events. A later skip comes as an event, so it is known whether the skipped
   * event was applied.
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
    const { catalog, signal, onError, againMs = 500 } = this.#parts;
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
        // Until then, the current catalog is used, except for concerts that this version could not
        // read.
        if (error instanceof SkippedSince && !signal.aborted) continue;
        report.failed(error);
      }
      if (signal.aborted) return;
      catalog.setFollowed(false);
      await pause(againMs, signal);
    }
  }

  /** Applies events until the subscription ends. */
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

/** An event that was already applied is skipped now. */
class SkippedSince extends Error {}
