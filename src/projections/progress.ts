import type { ReadSideStatus } from '../queries/read-side.ts';
import type { Backlog } from './backlog.ts';
import type { Checkpoint } from './checkpoint.ts';

/** Listeners that are behind the tables for longer than this are not asked any more. */
const behindMsMax = 500;

/** Nor are they when PostgreSQL could not be asked for this long: another instance may have written meanwhile. */
const unheardMsMax = 5_000;

/** A position, null being before the first event. */
type Position = bigint | null;

export const isBefore = (a: Position, b: Position): boolean => b !== null && (a === null || a < b);

interface Waiter {
  readonly position: bigint;
  readonly settle: (reached: boolean) => void;
}

/** How far the tables are, how far what listeners know is, and who waits for it. */
export class Progress {
  /** Where the tables are, as last heard. */
  committed: Position = null;
  /** Of the last event in the tables. */
  private committedEvent: Position = null;
  /** What listeners were told up to. */
  shown: Position = null;
  private started = false;
  private history: Position | undefined;
  private behindSinceMs: number | undefined;
  private unheardSinceMs: number | undefined;
  /** Since when something is to be shown and nothing more was. */
  private stalledSinceMs: number | undefined;
  private building = false;
  private failure: string | undefined;
  private stopped = false;
  private readonly waiters = new Set<Waiter>();
  private readonly backlog: Backlog;
  private readonly now: () => number;
  private readonly startedMs: number;

  constructor(backlog: Backlog, now: () => number) {
    this.backlog = backlog;
    this.now = now;
    this.startedMs = now();
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  startAt({ position, eventPosition }: Checkpoint): void {
    this.committed = position;
    this.committedEvent = eventPosition;
    this.shown = position;
    this.started = true;
    this.history = undefined;
    this.behindSinceMs = undefined;
    this.stalledSinceMs = undefined;
  }

  heard({ position, eventPosition }: Checkpoint): void {
    if (!this.stopped) this.failure = undefined;
    this.unheardSinceMs = undefined;
    if (isBefore(this.committed, position)) this.committed = position;
    if (isBefore(this.committedEvent, eventPosition)) this.committedEvent = eventPosition;
  }

  /** Listeners were told up to here, or nothing new. */
  show(position: bigint | undefined): void {
    // What is still to come is after the checkpoint, so nothing up to it is missing.
    const complete = this.backlog.oldest === undefined ? position : this.committed;
    if (complete !== undefined && isBefore(this.shown, complete)) {
      this.shown = complete;
      this.stalledSinceMs = undefined;
    }
    this.lookWhetherStalled();
    if (isBefore(this.shown, this.committedEvent)) this.behindSinceMs ??= this.now();
    else this.behindSinceMs = undefined;
    for (const waiter of this.waiters) {
      if (!isBefore(this.shown, waiter.position)) waiter.settle(true);
    }
  }

  private lookWhetherStalled(): void {
    const isBehind =
      this.backlog.oldest?.isEvent === true || isBefore(this.shown, this.committedEvent);
    if (isBehind) this.stalledSinceMs ??= this.now();
    else this.stalledSinceMs = undefined;
  }

  isFresh(): boolean {
    if (!this.started) return false;
    const now = this.now();
    const behindMs = now - (this.behindSinceMs ?? now);
    const unheardMs = now - (this.unheardSinceMs ?? now);
    return behindMs < behindMsMax && unheardMs < unheardMsMax;
  }

  caughtUp(position: Position): void {
    this.history ??= position;
  }

  /** PostgreSQL gave no answer, or not the one that was hoped for. */
  failed(error: unknown): void {
    this.unheardSinceMs ??= this.now();
    this.fail(error);
  }

  private fail(error: unknown): void {
    if (this.stopped) return;
    this.failure = error instanceof Error ? error.message : String(error);
  }

  /** For good: no waiting helps. */
  stop(error: Error): void {
    this.fail(error);
    this.stopped = true;
  }

  /** The tables are no longer known: listeners know nothing. */
  forget(): void {
    this.started = false;
  }

  /** The tables of this version are not there yet. */
  async whileBuilding(done: Promise<void>): Promise<void> {
    this.building = true;
    await done.finally(() => {
      this.building = false;
    });
  }

  end(): void {
    for (const waiter of this.waiters) waiter.settle(false);
  }

  reached(position: bigint, timeoutMs: number): Promise<boolean> {
    if (!isBefore(this.shown, position)) return Promise.resolve(true);
    if (this.stopped) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (reached: boolean) => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        resolve(reached);
      };
      const waiter: Waiter = { position, settle };
      const timer = setTimeout(settle, timeoutMs, false);
      this.waiters.add(waiter);
    });
  }

  status(): Omit<ReadSideStatus, 'parkedEvents'> {
    this.lookWhetherStalled();
    const now = this.now();
    return {
      state: this.state(),
      position: this.shown,
      lagSeconds: Math.max(0, now - this.oldestUnshownMs()) / 1_000,
      lagEvents: this.backlog.events,
      stalledSeconds: Math.max(0, now - (this.stalledSinceMs ?? now)) / 1_000,
      ...(this.failure === undefined ? {} : { error: this.failure }),
    };
  }

  private state(): ReadSideStatus['state'] {
    if (this.stopped) return 'stopped';
    if (this.building) return 'building';
    return this.isLive() ? 'live' : 'catching-up';
  }

  private isLive(): boolean {
    return this.history !== undefined && !isBefore(this.shown, this.history);
  }

  /** While history comes in and nothing waits, the start of the engine stands for the oldest event not yet seen. */
  private oldestUnshownMs(): number {
    const { oldest } = this.backlog;
    if (oldest !== undefined) return oldest.isEvent ? oldest.createdMs : this.now();
    return this.isLive() ? this.now() : this.startedMs;
  }
}
