import { eventsUpTo } from '../events/log-position.ts';
import type { Step } from '../projections/log-step.ts';
import { seatTable } from '../projections/models/seat/projection.ts';
import { sessionTable } from '../projections/models/session/projection.ts';
import type { CommitListener } from '../projections/projector.ts';

/** Changes kept for those who come back and ask what they missed. About 200 bytes each. */
const changesKeptMax = 20_000;

/** A seat became free, or ceased to be. */
export interface SeatChange {
  readonly sessionId: string;
  readonly seatId: string;
  readonly isAvailable: boolean;
  /** Of the event in the log, the same on every instance. */
  readonly position: bigint;
}

export interface SeatFeedListener {
  /** Changes of all sessions, in the log's order, each once, after they were committed. */
  changed(changes: readonly SeatChange[]): void;
  /** Nothing of this session can be had any more, and nothing is told after this. */
  cancelled(sessionId: string): void;
  /** What was told before does not hold any more. */
  reset(): void;
}

/**
 * Tells which seats become free or taken, as the read models have it, on every instance. Nothing of a cancelled session can be
 * had, whoever gives a seat back: those who follow it are told so, and nothing after that.
 */
export class SeatFeed implements CommitListener {
  readonly #keptMax: number;
  readonly #wasCancelled: (sessionId: string) => boolean;
  /** Sessions cancelled since this feed is told of what is committed. */
  readonly #cancelled = new Set<string>();
  readonly #listeners = new Set<SeatFeedListener>();
  /** By session, oldest first; together `#kept`. */
  readonly #bySession = new Map<string, SeatChange[]>();
  #kept: SeatChange[] = [];
  /** Every change after this position is kept; undefined before the first one was told. */
  #completeAfter: bigint | undefined;

  /** @param options.wasCancelled of a session that was cancelled before the feed is told of what is committed */
  constructor(
    options: {
      /** Changes kept for those who come back. Default 20,000. */
      readonly keptMax?: number;
      readonly wasCancelled?: (sessionId: string) => boolean;
    } = {},
  ) {
    this.#keptMax = options.keptMax ?? changesKeptMax;
    this.#wasCancelled = options.wasCancelled ?? (() => false);
  }

  listen(listener: SeatFeedListener): void {
    this.#listeners.add(listener);
  }

  committed(steps: readonly Step[]): void {
    const [first] = steps;
    if (first === undefined) return;
    this.#completeAfter ??= eventsUpTo(first.position);
    const changes = steps.flatMap((step) => this.#changesOf(step));
    if (changes.length === 0) return;
    for (const change of changes) this.#keep(change);
    this.#dropOldest();
    for (const listener of this.#listeners) listener.changed(changes);
  }

  reset(): void {
    this.#bySession.clear();
    this.#kept = [];
    this.#completeAfter = undefined;
    for (const listener of this.#listeners) listener.reset();
  }

  /** A session's changes after a position, oldest first; undefined when they are not all kept any more. */
  since(sessionId: string, position: bigint): readonly SeatChange[] | undefined {
    if (this.#completeAfter === undefined || position < this.#completeAfter) return undefined;
    if (this.isCancelled(sessionId)) return undefined;
    return (this.#bySession.get(sessionId) ?? []).filter((change) => change.position > position);
  }

  #keep(change: SeatChange): void {
    this.#kept.push(change);
    const changes = this.#bySession.get(change.sessionId);
    if (changes === undefined) this.#bySession.set(change.sessionId, [change]);
    else changes.push(change);
  }

  /** A tenth more than is promised, so that the array is cut now and then only. */
  #dropOldest(): void {
    if (this.#kept.length <= this.#keptMax * 1.1) return;
    const dropped = this.#kept.splice(0, this.#kept.length - this.#keptMax);
    for (const { sessionId, position } of dropped) {
      const changes = this.#bySession.get(sessionId);
      changes?.shift();
      if (changes?.length === 0) this.#bySession.delete(sessionId);
      this.#completeAfter = position;
    }
  }

  /** Was the session cancelled, as far as it is known here? */
  isCancelled(sessionId: string): boolean {
    return this.#cancelled.has(sessionId) || this.#wasCancelled(sessionId);
  }

  /** Only a held seat is sold, and it was taken already: no change of what is free. */
  #changesOf({ changes, position: { commit: position } }: Step): SeatChange[] {
    const found: SeatChange[] = [];
    for (const change of changes) {
      if (change.kind !== 'patch') continue;
      const [sessionId = '', seatId = ''] = change.key;
      if (change.table === sessionTable && 'cancelled_at' in change.set) this.#cancel(sessionId);
      if (change.table !== seatTable || this.isCancelled(sessionId)) continue;
      const { status } = change.set;
      if (status !== 'available' && status !== 'held') continue;
      found.push({ sessionId, seatId, isAvailable: status === 'available', position });
    }
    return found;
  }

  #cancel(sessionId: string): void {
    this.#cancelled.add(sessionId);
    for (const listener of this.#listeners) listener.cancelled(sessionId);
  }
}
