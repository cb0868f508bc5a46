import {
  eventAt,
  eventsUpTo,
  isBefore,
  isEventBefore,
  type LogPosition,
} from '../../events/log-position.ts';
import type { Step } from '../log-step.ts';
import type { ReadSideStatus } from '../projector.ts';
import type { Backlog } from './backlog.ts';
import { type Checkpoint, logStart } from './checkpoint.ts';

/** Listeners that are behind the tables for longer than this are not asked any more. */
const behindMsMax = 500;

/** Nor are they when PostgreSQL could not be asked for this long: another instance may have written meanwhile. */
const unheardMsMax = 5_000;

interface Waiter {
  readonly position: LogPosition;
  readonly settle: (reached: boolean) => void;
}

/** How far the tables are, how far what listeners know is, and who waits for it. */
export class Progress {
  /** Where the tables are, as last heard. */
  committed: Checkpoint = logStart;
  /** What listeners were told up to. */
  shown: LogPosition | null = null;
  /** The last event that they were told of. */
  shownEvent: bigint | null = null;
  #started = false;
  #history: LogPosition | null | undefined;
  #behindSinceMs: number | undefined;
  #unheardSinceMs: number | undefined;
  /** Since when something is to be shown and nothing more was. */
  #stalledSinceMs: number | undefined;
  #building = false;
  /** Why the log is not the one that the tables are of. */
  #otherLog: string | undefined;
  #failure: string | undefined;
  #stopped = false;
  readonly #waiters = new Set<Waiter>();
  readonly #backlog: Backlog;
  readonly #now: () => number;
  readonly #startedMs: number;

  constructor(backlog: Backlog, now: () => number) {
    this.#backlog = backlog;
    this.#now = now;
    this.#startedMs = now();
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  startAt(checkpoint: Checkpoint): void {
    this.committed = checkpoint;
    this.shown = checkpoint.position;
    this.shownEvent = checkpoint.eventPosition;
    this.#otherLog = undefined;
    this.#started = true;
    this.#history = undefined;
    this.#behindSinceMs = undefined;
    this.#stalledSinceMs = undefined;
  }

  heard(checkpoint: Checkpoint): void {
    if (!this.#stopped) this.#failure = undefined;
    this.#unheardSinceMs = undefined;
    if (isBefore(this.committed.position, checkpoint.position)) this.committed = checkpoint;
  }

  /** Listeners were told of these steps, perhaps of none. */
  show(steps: readonly Step[]): void {
    const last = steps.at(-1)?.position ?? null;
    // What is still to come is after the checkpoint, so nothing up to it is missing.
    const complete = this.#backlog.oldest === undefined ? last : this.committed.position;
    if (isBefore(this.shown, complete)) {
      this.shown = complete;
      this.#stalledSinceMs = undefined;
    }
    const event = steps.findLast(({ isEvent }) => isEvent)?.position.commit ?? null;
    if (isEventBefore(this.shownEvent, event)) this.shownEvent = event;
    this.#lookWhetherStalled();
    if (this.#lacksEvents) this.#behindSinceMs ??= this.#now();
    else this.#behindSinceMs = undefined;
    for (const waiter of this.#waiters) {
      if (!isBefore(this.shown, waiter.position)) waiter.settle(true);
    }
  }

  #lookWhetherStalled(): void {
    if (this.#backlog.oldest?.isEvent === true || this.#lacksEvents)
      this.#stalledSinceMs ??= this.#now();
    else this.#stalledSinceMs = undefined;
  }

  /** Does the database have events that listeners were not told of? */
  get #lacksEvents(): boolean {
    const { eventPosition } = this.committed;
    return eventPosition !== null && isBefore(this.shown, eventAt(eventPosition));
  }

  isFresh(): boolean {
    if (!this.#started || this.#otherLog !== undefined) return false;
    const now = this.#now();
    const behindMs = now - (this.#behindSinceMs ?? now);
    const unheardMs = now - (this.#unheardSinceMs ?? now);
    return behindMs < behindMsMax && unheardMs < unheardMsMax;
  }

  caughtUp(position: LogPosition | null): void {
    this.#history ??= position;
  }

  /** PostgreSQL gave no answer, or not the one that was hoped for. */
  failed(error: unknown): void {
    this.#unheardSinceMs ??= this.#now();
    this.#fail(error);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#failure = error instanceof Error ? error.message : String(error);
  }

  /** For good: no waiting helps. */
  stop(error: Error): void {
    this.#fail(error);
    this.#stopped = true;
  }

  /** The log is not the one that the tables are of, or it is again. @returns whether that is news */
  differs(why: string | undefined): boolean {
    const isNews = (why === undefined) !== (this.#otherLog === undefined);
    this.#otherLog = why;
    return isNews;
  }

  /** Is the log known not to be the one that the tables are of? */
  get isOfOtherLog(): boolean {
    return this.#otherLog !== undefined;
  }

  /** The tables are no longer known: listeners know nothing. */
  forget(): void {
    this.#started = false;
  }

  /** The tables of this version are not there yet. */
  async whileBuilding(done: Promise<void>): Promise<void> {
    this.#building = true;
    await done.finally(() => {
      this.#building = false;
    });
  }

  end(): void {
    for (const waiter of this.#waiters) waiter.settle(false);
  }

  reached(event: bigint, timeoutMs: number): Promise<boolean> {
    const position = eventAt(event);
    if (!isBefore(this.shown, position)) return Promise.resolve(true);
    if (this.#stopped) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (reached: boolean) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(reached);
      };
      const waiter: Waiter = { position, settle };
      const timer = setTimeout(settle, timeoutMs, false);
      this.#waiters.add(waiter);
    });
  }

  status(): Omit<ReadSideStatus, 'parkedEvents'> {
    this.#lookWhetherStalled();
    const now = this.#now();
    const error = this.#otherLog ?? this.#failure;
    return {
      state: this.#state(),
      position: this.shown && eventsUpTo(this.shown),
      eventPosition: this.shownEvent,
      lagSeconds: Math.max(0, now - this.#oldestUnshownMs()) / 1_000,
      lagEvents: this.#backlog.events,
      stalledSeconds: Math.max(0, now - (this.#stalledSinceMs ?? now)) / 1_000,
      ...(error === undefined ? {} : { error }),
    };
  }

  #state(): ReadSideStatus['state'] {
    if (this.#stopped) return 'stopped';
    if (this.#building) return 'building';
    if (this.#otherLog !== undefined) return 'other-log';
    return this.#isLive() ? 'live' : 'catching-up';
  }

  #isLive(): boolean {
    return this.#history !== undefined && !isBefore(this.shown, this.#history);
  }

  /** While history comes in and nothing waits, the start of the engine stands for the oldest event not yet seen. */
  #oldestUnshownMs(): number {
    const { oldest } = this.#backlog;
    if (oldest !== undefined) return oldest.isEvent ? oldest.createdMs : this.#now();
    return this.#isLive() ? this.#now() : this.#startedMs;
  }
}
