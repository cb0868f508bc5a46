import type { Step } from './log-step.ts';

/** What the rest of the service sees of the engine that keeps the read models up to date. */

/** Told what PostgreSQL has: never before its transaction committed, in the log's order, each step once. */
export interface CommitListener {
  committed(steps: readonly Step[]): void;
  /** The tables went back, or were built anew: what was told before does not hold. */
  reset(): void;
}

/** How the read side is: `/readyz`, `/metrics` and `reprise projections` show it. */
export interface ReadSideStatus {
  /**
   * `building`: the tables are an older version's, and those of this one are built beside them. `other-log`: the log does
   * not have what the tables are made from, and nothing is shown while that is so.
   */
  readonly state: 'building' | 'catching-up' | 'live' | 'other-log' | 'stopped';
  /** Position up to which the read side shows the log, of every event up to it; null before the first event. */
  readonly position: bigint | null;
  /** Of the last event that it shows; null before the first. */
  readonly eventPosition: bigint | null;
  /** Age of the oldest event not yet shown, in seconds; 0 when all are. */
  readonly lagSeconds: number;
  /** Events read from the log and not yet shown; more may be to come while it catches up. */
  readonly lagEvents: number;
  /** How long it has been behind without showing anything more, in seconds; 0 while it moves or all is shown. */
  readonly stalledSeconds: number;
  /** Events that are kept from the read side because they, or one before them in their stream, cannot be read. */
  readonly parkedEvents: number;
  /** Why it stopped. */
  readonly error?: string;
}

/** A running engine. */
export interface Projector {
  /** Tells a listener of everything committed from now on. */
  listen(listener: CommitListener): void;
  /** False when what listeners know may lag behind PostgreSQL: ask PostgreSQL instead. */
  listenersAreFresh(): boolean;
  reached(position: bigint, timeoutMs: number): Promise<boolean>;
  status(): ReadSideStatus;
  /** Resolves when it has ended: by the signal, or stopped by an error that `status()` tells. Never rejects. */
  readonly done: Promise<void>;
}
