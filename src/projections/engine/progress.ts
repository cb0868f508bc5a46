import assert from 'node:assert/strict';
import type { LogDiffers } from '../../commands/core/event-store.ts';
import {
  eventAt,
  eventsUpTo,
  isBefore,
  isEventBefore,
  type LogPosition,
} from '../../events/log-position.ts';
import type { Step } from '../log-step.ts';
import { ParkedStreams } from '../parking/parked-streams.ts';
import type { CommitListener, ReadSideStatus } from '../projector.ts';
import type { Backlog } from './backlog.ts';
import { type Checkpoint, logStart } from './checkpoint.ts';
import type { Mode } from './mode.ts';
import type { Logger } from './options.ts';

/** Listeners that lack committed events for longer than this are not used for answers. */
const behindMsMax = 500;

/**
 * They are also not used if PostgreSQL has not answered for this long. Another instance may have
 * written meanwhile.
 */
const unansweredMsMax = 5_000;

const otherLogAdvice =
  'Nothing is shown until the log has it again. Is POSTGRES_URL another log’s database, or does EVENTSTORE_URL name ' +
  'another store? If this log is the right one, as after a restore, run reprise rebuild: it makes the read models from it';

interface Waiter {
  readonly position: LogPosition;
  readonly settle: (reached: boolean) => void;
}

export interface ProgressParts {
  readonly mode: Mode;
  readonly backlog: Backlog;
  readonly logger: Pick<Logger, 'error' | 'warn'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Knows the position of the tables (committed), the position of the listeners (shown), and the
 * callers that wait for it. A step is shown after it is committed, only by `advanceTo`.
 */
export class Progress {
  /** The tables' checkpoint, as last read or written. */
  committed: Checkpoint = logStart;
  /** Everything up to here was shown to the listeners. */
  shown: LogPosition | null = null;
  /** The last event that was shown. */
  shownEvent: bigint | null = null;
  /**
   * The streams that were parked at the checkpoint that was read last, and streams that were parked
   * since then.
   */
  parked = new ParkedStreams();
  readonly #parts: ProgressParts;
  readonly #listeners: CommitListener[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #startedMs: number;
  /** Is the position of the tables known? */
  #isStarted = false;
  /** The log's end at the moment when the reader first reached it; undefined before. */
  #history: LogPosition | null | undefined;
  /** Since when the listeners lack events that are committed. */
  #behindSinceMs: number | undefined;
  /** Since when PostgreSQL gives no answer, or an error. */
  #unansweredSinceMs: number | undefined;
  /** The time since when events are waiting and none was shown. */
  #stalledSinceMs: number | undefined;
  /** Why the log is not the log of the tables. */
  #otherLog: string | undefined;
  #failure: string | undefined;

  constructor(parts: ProgressParts) {
    this.#parts = parts;
    this.#startedMs = parts.now();
  }

  listen(listener: CommitListener): void {
    this.#listeners.push(listener);
  }

  /** Resets the listeners, because their knowledge of the tables is no longer true. */
  resetListeners(): void {
    for (const listener of this.#listeners) listener.reset();
  }

  /** The reader starts at this checkpoint. Everything before it counts as shown. */
  startAt(checkpoint: Checkpoint): void {
    this.committed = checkpoint;
    this.shown = checkpoint.position;
    this.shownEvent = checkpoint.eventPosition;
    this.#otherLog = undefined;
    this.#isStarted = true;
    this.#history = undefined;
    this.#behindSinceMs = undefined;
    this.#stalledSinceMs = undefined;
  }

  /**
   * PostgreSQL has answered that everything up to this checkpoint is committed. The listeners get
   * it now.
   */
  advanceTo(checkpoint: Checkpoint): void {
    assert(this.#isStarted, 'nothing is read from the log yet');
    if (!this.#parts.mode.isStopped) this.#failure = undefined;
    this.#unansweredSinceMs = undefined;
    if (isBefore(this.committed.position, checkpoint.position)) this.committed = checkpoint;
    this.showCommitted();
  }

  /** Shows the committed steps of the backlog. An event may be read after its commit. */
  showCommitted(): void {
    const { position } = this.committed;
    if (position === null) return;
    const steps = this.#parts.backlog.takeThrough(position);
    this.#tellListeners(steps);
    this.#setShown(steps, position);
    for (const waiter of this.#waiters) {
      if (!isBefore(this.shown, waiter.position)) waiter.settle(true);
    }
  }

  #tellListeners(steps: readonly Step[]): void {
    const [first] = steps;
    if (first === undefined) return;
    assert(isBefore(this.shown, first.position), 'a step would be shown a second time');
    // A newer version has written an event that this version cannot read. The listeners would lack
    // it.
    if (this.parked.firstUnreadable(steps) !== undefined) this.resetListeners();
    const written = this.parked.withoutParked(steps);
    for (const listener of this.#listeners) {
      try {
        listener.committed(written);
      } catch (error) {
        const what = 'projections: a listener failed, it starts anew';
        this.#parts.logger.error({ err: error }, what);
        listener.reset();
      }
    }
  }

  #setShown(steps: readonly Step[], committed: LogPosition): void {
    const last = steps.at(-1)?.position ?? null;
    // The oldest step left is after the checkpoint, so no step up to the checkpoint is missing.
    const complete = this.#parts.backlog.oldest === undefined ? last : committed;
    if (isBefore(this.shown, complete)) {
      this.shown = complete;
      this.#stalledSinceMs = undefined;
    }
    const event = steps.findLast(({ isEvent }) => isEvent)?.position.commit ?? null;
    if (isEventBefore(this.shownEvent, event)) this.shownEvent = event;
    this.#noteStall();
    if (this.#lacksEvents) this.#behindSinceMs ??= this.#parts.now();
    else this.#behindSinceMs = undefined;
  }

  #noteStall(): void {
    if (this.#parts.backlog.oldest?.isEvent === true || this.#lacksEvents)
      this.#stalledSinceMs ??= this.#parts.now();
    else this.#stalledSinceMs = undefined;
  }

  /** Are events committed that were not shown? */
  get #lacksEvents(): boolean {
    const { eventPosition } = this.committed;
    return eventPosition !== null && isBefore(this.shown, eventAt(eventPosition));
  }

  isFresh(): boolean {
    if (!this.#isStarted || this.#otherLog !== undefined) return false;
    const now = this.#parts.now();
    const behindMs = now - (this.#behindSinceMs ?? now);
    const unansweredMs = now - (this.#unansweredSinceMs ?? now);
    return behindMs < behindMsMax && unansweredMs < unansweredMsMax;
  }

  /** The log was read to its end, the position of the newest message. */
  caughtUp(position: LogPosition | null): void {
    this.#history ??= position;
  }

  /** PostgreSQL gave no answer, or an error. The same error is logged only once. */
  failed(error: unknown): void {
    this.#unansweredSinceMs ??= this.#parts.now();
    if (this.#parts.mode.isStopped) return;
    const before = this.#error;
    this.setFailure(error);
    if (this.#error === before) return;
    this.#parts.logger.warn({ err: error }, 'projections: PostgreSQL failed, trying again');
  }

  /** What `status` gives as the error. */
  setFailure(error: unknown): void {
    this.#failure = error instanceof Error ? error.message : String(error);
  }

  /**
   * Notes that the log is not the log of the tables; with undefined, that it is. Logs each change.
   */
  noteOtherLog(differs: LogDiffers | undefined): void {
    const why = differs && `${differs.message}. ${otherLogAdvice}`;
    const isNews = (why === undefined) !== (this.#otherLog === undefined);
    this.#otherLog = why;
    if (!isNews) return;
    const { logger } = this.#parts;
    if (why === undefined) logger.warn({}, 'projections: the log is that of the read models again');
    else logger.error({ why }, 'projections: the log is not that of the read models');
  }

  get #error(): string | undefined {
    return this.#otherLog ?? this.#failure;
  }

  /** Is it known that the log is not the log of the tables? */
  get isOfOtherLog(): boolean {
    return this.#otherLog !== undefined;
  }

  /** The position of the tables is unknown now. The listeners are not used for answers. */
  forgetTables(): void {
    this.#isStarted = false;
  }

  /** Nothing more will be shown. */
  end(): void {
    for (const waiter of this.#waiters) waiter.settle(false);
  }

  reached(event: bigint, timeoutMs: number): Promise<boolean> {
    const position = eventAt(event);
    if (!isBefore(this.shown, position)) return Promise.resolve(true);
    if (this.#parts.mode.isStopped) return Promise.resolve(false);
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

  status(): ReadSideStatus {
    this.#noteStall();
    const now = this.#parts.now();
    const error = this.#error;
    return {
      state: this.#state(),
      position: this.shown && eventsUpTo(this.shown),
      eventPosition: this.shownEvent,
      lagSeconds: Math.max(0, now - this.#oldestUnshownMs()) / 1_000,
      lagEvents: this.#parts.backlog.events,
      stalledSeconds: Math.max(0, now - (this.#stalledSinceMs ?? now)) / 1_000,
      parkedEvents: this.parked.events,
      ...(error === undefined ? {} : { error }),
    };
  }

  #state(): ReadSideStatus['state'] {
    const { now } = this.#parts.mode;
    if (now === 'stopped' || now === 'building') return now;
    if (this.#otherLog !== undefined) return 'other-log';
    return this.#isLive() ? 'live' : 'catching-up';
  }

  #isLive(): boolean {
    return this.#history !== undefined && !isBefore(this.shown, this.#history);
  }

  /**
   * If the backlog is empty while the past is read, the time of the oldest unread event is unknown.
   * Then the engine's start is used.
   */
  #oldestUnshownMs(): number {
    const { oldest } = this.#parts.backlog;
    if (oldest !== undefined) return oldest.isEvent ? oldest.createdMs : this.#parts.now();
    return this.#isLive() ? this.#parts.now() : this.#startedMs;
  }
}
