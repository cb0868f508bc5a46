import type { Step } from './log-step.ts';

/** The engine that keeps the read models up to date, as the rest of the service sees it. */

/** Gets every step that is committed: after its commit, in the log's order, once. */
export interface CommitListener {
  committed(steps: readonly Step[]): void;
  /** The tables went back or were rebuilt. All earlier steps are no longer valid. */
  reset(): void;
}

/** The state of the read side. `/readyz`, `/metrics` and `reprise projections` show it. */
export interface ReadSideStatus {
  /**
   * `building`: the tables are an older version's, and new ones are built beside them. `other-log`:
   * the log does not have the events of the tables, and nothing is shown.
   */
  readonly state: 'building' | 'catching-up' | 'live' | 'other-log' | 'stopped';
  /**
   * The read side shows every event up to this position of the log; null before the first event.
   */
  readonly position: bigint | null;
  /** The position of the last event that it shows; null before the first. */
  readonly eventPosition: bigint | null;
  /** Age of the oldest event that is not yet shown, in seconds; 0 when all are shown. */
  readonly lagSeconds: number;
  /** Events that are read from the log and not yet shown. While it catches up, more may follow. */
  readonly lagEvents: number;
  /**
   * The time for which it has been behind without progress, in seconds. 0 while it advances, or
   * when everything is shown.
   */
  readonly stalledSeconds: number;
  /**
   * The number of parked events. An event is parked if it, or an earlier event of its stream,
   * cannot be read or written.
   */
  readonly parkedEvents: number;
  /** Why it stopped. */
  readonly error?: string;
}

/** A running engine. */
export interface Projector {
  /** Adds a listener of everything that is committed from now on. */
  listen(listener: CommitListener): void;
  /** False if the listeners may lack events that PostgreSQL has. Then ask PostgreSQL instead. */
  listenersAreFresh(): boolean;
  reached(position: bigint, timeoutMs: number): Promise<boolean>;
  status(): ReadSideStatus;
  /**
   * Resolves when the engine has ended, by its signal or by the error that `status()` shows. Never
   * rejects.
   */
  readonly done: Promise<void>;
}
