import { eventsUpTo } from '../events/log-position.ts';
import type { Step } from '../projections/log-step.ts';
import { seatTable } from '../projections/models/seat/projection.ts';
import { sessionTable } from '../projections/models/session/projection.ts';
import type { CommitListener } from '../projections/projector.ts';

/** Changes that are kept for clients that reconnect. About 200 bytes each. */
const changesKeptMax = 20_000;

/** A seat became free, or is not free any longer. */
export interface SeatChange {
  readonly sessionId: string;
  readonly seatId: string;
  readonly isAvailable: boolean;
  /** The position of the event in the log. It is the same on every instance. */
  readonly position: bigint;
}

export interface SeatFeedListener {
  /** Changes of all sessions, after their commit, in the log's order, each once. */
  changed(changes: readonly SeatChange[]): void;
  /** The session is cancelled. None of its seats is free, and no more changes follow. */
  cancelled(sessionId: string): void;
  /** Earlier changes may no longer be true. */
  reset(): void;
}

/**
 * Reports the seats that become free or taken in the read models, on every instance. In a cancelled
 * session no seat is free, even if a buyer gives one back. Its listeners get the cancellation once,
 * and then nothing more.
 */
export class SeatFeed implements CommitListener {
  readonly #keptMax: number;
  readonly #wasCancelled: (sessionId: string) => boolean;
  /** Sessions that were cancelled since the first committed step. */
  readonly #cancelled = new Set<string>();
  readonly #listeners = new Set<SeatFeedListener>();
  /** By session, oldest first. `#kept` is their total number. */
  readonly #bySession = new Map<string, SeatChange[]>();
  #kept: SeatChange[] = [];
  /** Every change after this position is kept; undefined before the first one. */
  #completeAfter: bigint | undefined;

  /** @param options.wasCancelled was the session cancelled before the first committed step? */
  constructor(
    options: {
      /** Changes that are kept for clients that reconnect. About 200 bytes each. */
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

  /**
   * A session's changes after a position, oldest first; undefined when some of them are dropped.
   */
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

  /** Keeps up to a tenth more than required. So the array is cut only from time to time. */
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

  /** Is the session known to be cancelled? */
  isCancelled(sessionId: string): boolean {
    return this.#cancelled.has(sessionId) || this.#wasCancelled(sessionId);
  }

  /** A sale is not a change. Only a held seat can be sold, and a held seat is not free. */
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
