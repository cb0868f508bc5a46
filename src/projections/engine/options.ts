import assert from 'node:assert/strict';
import type { Pool } from 'pg';
import type { EventStore } from '../../commands/core/event-store.ts';
import type { Projection } from '../models/projection.ts';

/** Bounds of the engine. */
export interface ProjectorLimits {
  /** Events of one transaction. Default 8,000. */
  readonly batchEventsMax: number;
  /** Rows of one transaction, unless one event alone changes more. Default 20,000. */
  readonly batchRowsMax: number;
  /**
   * Shortest time from the start of one transaction to the start of the next, unless a whole batch
   * waits. It makes batches larger, because a transaction for one event costs as much as for many.
   * It is part of the lag. Default 30.
   */
  readonly flushMsMin: number;
  /**
   * Events that were read and are not yet committed. At this number, the service pauses reading the
   * log. Default 16,000.
   */
  readonly backlogEventsMax: number;
  /**
   * Rows that those events change. At this number, the service pauses reading the log. Default
   * 100,000.
   */
  readonly backlogRowsMax: number;
  /** Events that may be parked. With one more, the engine stops. Default 5,000. */
  readonly parkedEventsMax: number;
  /** How often an instance that does not lead tries to lead, in ms. Default 1,000. */
  readonly standbyPollMs: number;
  /** How often the checkpoint moves while there is nothing to write, in ms. Default 1,000. */
  readonly idleCheckpointMs: number;
  /**
   * Longest wait between two attempts to reach a server, in ms; the shortest is a tenth. Default
   * 1,000.
   */
  readonly retryMsMax: number;
}

export const projectorDefaults: ProjectorLimits = {
  batchEventsMax: 8_000,
  batchRowsMax: 20_000,
  flushMsMin: 30,
  backlogEventsMax: 16_000,
  backlogRowsMax: 100_000,
  parkedEventsMax: 5_000,
  standbyPollMs: 1_000,
  idleCheckpointMs: 1_000,
  retryMsMax: 1_000,
};

/**
 * Asserts the relations of the limits: a batch fits into the backlog, and every wait and bound has
 * an effect.
 */
export function assertLimits(limits: ProjectorLimits): void {
  for (const [name, limit] of Object.entries(limits)) assert(limit >= 0, `${name} is ${limit}`);
  const { batchEventsMax, backlogEventsMax, batchRowsMax, backlogRowsMax } = limits;
  assert(batchEventsMax >= 1 && batchRowsMax >= 1, 'a batch has at least one event and row');
  assert(batchEventsMax <= backlogEventsMax, 'a whole batch waits in the backlog');
  assert(batchRowsMax <= backlogRowsMax, 'the rows of a whole batch wait in the backlog');
  assert(limits.flushMsMin <= limits.idleCheckpointMs, 'a write is due before the checkpoint is');
}

/** As pino has it. */
export interface Logger {
  debug(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export interface ProjectorOptions {
  readonly eventStore: Pick<EventStore, 'subscribe' | 'readStream'>;
  /**
   * A pool from `connectPostgres`. Its statements have a time limit, and bigint values arrive as
   * BigInt. The engine keeps one connection.
   */
  readonly pool: Pool;
  readonly projections: readonly Projection[];
  readonly logger: Logger;
  /** Ends the engine, after the current batch. */
  readonly signal: AbortSignal;
  readonly limits?: Partial<ProjectorLimits>;
  /**
   * Called if the tables are an older version's. It resolves when the tables of this version are in
   * place. It rejects if they cannot be built. Without this function, the engine stops.
   */
  readonly renew?: () => Promise<void>;
  /**
   * The leading instance calls it when a skip may have released parked events. This is so if a skip
   * is itself parked, or if the instance begins to lead and finds parked events. The instance does
   * not wait for the result. Default: nothing happens.
   */
  readonly onParkedSkips?: () => void;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}
