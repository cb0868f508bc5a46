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
  /** Longest wait for more events while less than half a transaction waits, in ms. Default 50. */
  readonly gatherMs: number;
  /**
   * Longest wait of the live tables' writer while the new tables come to its position, in ms.
   * Default 1,000.
   */
  readonly holdMsMax: number;
  /**
   * Attempts to hold or lock the live tables before the rebuild fails. Default 100, about four
   * minutes.
   */
  readonly holdAttemptsMax: number;
  /**
   * Longest time without an event from the log while events are missing, in ms: then it fails.
   * Default 60,000.
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
 * Bounds of a rebuild's connections, in milliseconds: an index of a very large table takes minutes.
 */
export const rebuildConnection = { statementTimeoutMs: 3_600_000, connectTimeoutMs: 10_000 };

export interface RebuildProgress {
  readonly step: 'filling' | 'indexing' | 'comparing' | 'swapping';
  /** Events in the new tables; those that a killed rebuild left are among them. */
  readonly events: number;
  /** Of every event up to it. */
  readonly position: bigint | null;
  /** The last event in the live tables; null also when they are of another log. */
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
   * Streams that are parked in the live tables stay parked in the new ones. Without it the rebuild
   * fails at a parked event; at any other event that cannot be read or written it always fails.
   * Default false.
   */
  readonly keepParked?: boolean;
  /** Cancels it: nothing is left of it. */
  readonly signal: AbortSignal;
  onProgress(progress: RebuildProgress): void;
  onDifference(difference: Difference): void;
  /** The log could not be read for a moment. */
  onTrouble(error: unknown): void;
  readonly limits?: Partial<RebuildLimits>;
}

export interface RebuildResult {
  readonly events: number;
  /** Events that a killed rebuild had left in the new tables: they were not read again. */
  readonly eventsFound: number;
  readonly differences: number;
  /**
   * Projections whose live tables were of an older version, or did not exist: their rows were not
   * compared.
   */
  readonly renewed: readonly string[];
  /**
   * The live tables were made from another log, or from what this log had before it was restored.
   */
  readonly isOtherLog: boolean;
  readonly position: bigint | null;
  /** Streams that stay parked. */
  readonly keptStreams: number;
  /** Where the tables are that were replaced. */
  readonly oldSchema: string;
  readonly swapped: boolean;
}
