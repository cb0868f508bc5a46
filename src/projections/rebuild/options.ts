import type { Pool } from 'pg';
import type { EventStore } from '../../commands/core/event-store.ts';
import type { Projection } from '../models/projection.ts';
import type { Difference } from './compare.ts';
import { type PaceLimits, paceDefaults } from './filling-pace.ts';

/** Bounds of a rebuild. */
export interface RebuildLimits extends PaceLimits {
  /** Events of one transaction. Default 10,000. */
  readonly batchEventsMax: number;
  /** Rows of one transaction, unless one event alone changes more. Default 50,000. */
  readonly batchRowsMax: number;
  /**
   * Longest wait for more events while fewer than half a transaction's events wait, in ms. Default
   * 50.
   */
  readonly gatherMs: number;
  /**
   * Longest time for which the live tables' writer must wait until the new tables reach its
   * position, in ms. Default 1,000.
   */
  readonly holdMsMax: number;
  /**
   * Attempts to hold or lock the live tables before the rebuild fails. Default 100, about four
   * minutes.
   */
  readonly holdAttemptsMax: number;
  /**
   * Longest time without an event from the log while events are missing, in ms. Then the rebuild
   * fails. Default 60,000.
   */
  readonly silentMsMax: number;
}

export const rebuildDefaults: RebuildLimits = {
  ...paceDefaults,
  batchEventsMax: 10_000,
  batchRowsMax: 50_000,
  gatherMs: 50,
  holdMsMax: 1_000,
  holdAttemptsMax: 100,
  silentMsMax: 60_000,
};

/**
 * Time limits of a rebuild's connections, in milliseconds. An index of a very large table takes
 * minutes.
 */
export const rebuildConnection = { statementTimeoutMs: 3_600_000, connectTimeoutMs: 10_000 };

export interface RebuildProgress {
  readonly step: 'filling' | 'indexing' | 'comparing' | 'swapping';
  /** Events in the new tables, including those of a killed rebuild. */
  readonly events: number;
  /** The new tables have every event up to this position. */
  readonly position: bigint | null;
  /** The last event in the live tables; null also if they belong to another log. */
  readonly target: bigint | null;
}

export interface RebuildOptions {
  readonly eventStore: Pick<EventStore, 'subscribe' | 'readStream'>;
  /** Three connections are used; statements may take minutes. */
  readonly pool: Pool;
  /** Those to build. */
  readonly projections: readonly Projection[];
  /** Compare only; the new tables are dropped afterwards. */
  readonly dryRun: boolean;
  /**
   * Do streams that are parked in the live tables stay parked in the new ones? If not, the rebuild
   * fails at a parked event. It always fails at any other event that cannot be read or written.
   * Default false.
   */
  readonly keepParked?: boolean;
  /** Cancels the rebuild. Nothing of it remains. */
  readonly signal: AbortSignal;
  onProgress(progress: RebuildProgress): void;
  onDifference(difference: Difference): void;
  /** Called when the log could not be read for a moment. */
  onTrouble(error: unknown): void;
  readonly limits?: Partial<RebuildLimits>;
}

export interface RebuildResult {
  readonly events: number;
  /** Events of a killed rebuild in the new tables. They were not read again. */
  readonly eventsFound: number;
  readonly differences: number;
  /**
   * Projections whose live tables were of an older version, or did not exist: their rows were not
   * compared.
   */
  readonly renewed: readonly string[];
  /**
   * The live tables were made from another log, or from the state of this log before it was
   * restored.
   */
  readonly isOtherLog: boolean;
  readonly position: bigint | null;
  /** Streams that stay parked. */
  readonly keptStreams: number;
  /** The schema of the replaced tables. */
  readonly oldSchema: string;
  readonly swapped: boolean;
}
