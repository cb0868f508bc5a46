import type { Step } from './log-step.ts';

/** What the rest of the service sees of the engine that keeps the read models up to date. */

/** Gets every step that is committed: after its commit, in the log's order, once. */
export interface CommitListener {
  committed(steps: readonly Step[]): void;
  /** The tables went back, or were rebuilt: what it was given before is no longer true. */
  reset(): void;
}

/** How the read side is: `/readyz`, `/metrics` and `reprise projections` show it. */
export interface ReadSideStatus {
  /**
   * `building`: the tables are an older version's, and new ones are built beside them. `other-log`:
   * the log does not have the events that the tables are made from, and nothing is shown.
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
   * For how long it has been behind and has shown nothing more, in seconds; 0 while it advances, or
   * when everything is shown.
   */
  readonly stalledSeconds: number;
  /**
   * Events that are parked: they, or an earlier event of their stream, cannot be read or written.
   */
  readonly parkedEvents: number;
  /** Why it stopped. */
  readonly error?: string;
}

/** A running engine. */
export interface Projector {
  /** Adds a listener of everything that is committed from now on. */
  listen(listener: CommitListener): void;
  /** False when the listeners may lack what PostgreSQL has: ask PostgreSQL instead. */
  listenersAreFresh(): boolean;
  reached(position: bigint, timeoutMs: number): Promise<boolean>;
  status(): ReadSideStatus;
  /**
   * Resolves when it has ended: by its signal, or by the error that `status()` shows. Never
   * rejects.
   */
  readonly done: Promise<void>;
}
