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
   * Shortest time from the start of one transaction to the next, while less waits than one takes: few events come at
   * the price of many. It is part of the lag. Default 30.
   */
  readonly flushMsMin: number;
  /** Events read and not yet committed; reading the log pauses at it. Default 16,000. */
  readonly backlogEventsMax: number;
  /** Rows that those change; reading the log pauses at it. Default 100,000. */
  readonly backlogRowsMax: number;
  /** Events that may be parked; at one more the engine stops, and says so. Default 5,000. */
  readonly parkedEventsMax: number;
  /** How often an instance that does not write looks whether it should. Default 1,000. */
  readonly standbyPollMs: number;
  /** How often the checkpoint moves while there is nothing to write. Default 1,000. */
  readonly idleCheckpointMs: number;
  /** Longest wait between two attempts to reach a server that is away, in ms; the shortest is a tenth. Default 1,000. */
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

/** How the limits relate: a batch fits into the backlog, and no wait or bound is without effect. */
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
  /** As `connectPostgres` makes it: bounded in time, bigint as BigInt. One connection is kept for as long as it runs. */
  readonly pool: Pool;
  readonly projections: readonly Projection[];
  readonly logger: Logger;
  /** Ends it: the batch under way is finished first. */
  readonly signal: AbortSignal;
  readonly limits?: Partial<ProjectorLimits>;
  /**
   * Called when the tables are an older version's: resolves when those of this version are in place, rejects when there
   * will be none. Without it the engine stops.
   */
  readonly renew?: () => Promise<void>;
  /**
   * Called by who writes the tables when events are parked that may be skipped by now: when an event that says so is parked
   * itself, and when it begins to write and finds any parked. Not waited for. Default: nothing happens.
   */
  readonly onParkedSkips?: () => void;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}
