import type { Pool } from 'pg';
import {
  type EventStore,
  EventStoreUnavailable,
  LogDiffers,
} from '../../commands/core/event-store.ts';
import { eventsUpTo } from '../../events/log-position.ts';
import { streamPrefixes } from '../../events/streams.ts';
import { readToEnd } from '../../support/read-to-end.ts';
import type { Projection } from '../models/projection.ts';
import { leaderLock } from './advisory-locks.ts';
import {
  type Checkpoint,
  checkpointIn,
  furthestOf,
  isSame,
  placeAt,
  positionColumns,
  type StoredPosition,
} from './checkpoint.ts';

/**
 * The largest number of events that are counted behind a checkpoint. For more events, this number
 * is shown.
 */
export const behindEventsMax = 100_000;

/**
 * An event of at most this age, in seconds, is not late yet. A projection that lacks only such
 * events is live.
 */
const onItsWaySeconds = 1;

/** Longest wait for the log, in ms. */
const logMsMax = 10_000;

/** A projection and its state. */
export interface ProjectionOverview {
  readonly name: string;
  /** The version of the tables; null if the database has none yet. */
  readonly version: number | null;
  /** The position up to which the log was read; null at its start. */
  readonly position: bigint | null;
  /** The number of missing events, at most `behindEventsMax`; null if the log gave no answer. */
  readonly behindEvents: number | null;
  /** Age of the oldest of them, in seconds; 0 when there is none. */
  readonly behindSeconds: number | null;
  /** Events per second, of all projections together, when the engine last reported. */
  readonly eventsPerSecond: number;
  /**
   * `outdated`: the tables have another version, or are behind the tables of the other projections.
   * They need a rebuild. `not running`: no service writes them.
   */
  readonly status: 'live' | 'catching up' | 'stopped' | 'outdated' | 'not running';
  /** The event or the server that made it stop, or that it waits for. */
  readonly error: string | null;
  readonly rebuiltAt: Date | null;
}

/** The same in JSON, with positions as text, because they may pass 2^53. */
export type ProjectionState = Omit<ProjectionOverview, 'position' | 'rebuiltAt'> & {
  readonly position: string | null;
  readonly rebuiltAt: string | null;
};

export const projectionState = (one: ProjectionOverview): ProjectionState => ({
  ...one,
  position: one.position?.toString() ?? null,
  rebuiltAt: one.rebuiltAt?.toISOString() ?? null,
});

interface Stored extends StoredPosition {
  readonly name: string;
  readonly version: number;
  readonly rebuilt_at: Date | null;
}

interface Engine {
  readonly runs: boolean;
  readonly state: string | null;
  readonly error: string | null;
  readonly rate: number | null;
}

/** The events after a checkpoint. */
export interface Behind {
  /** At most `behindEventsMax`. */
  readonly events: number;
  /** Age of the oldest of them; 0 when there is none. */
  readonly seconds: number;
}

/**
 * The state of every projection, from the database, whether a service runs or not.
 * @param measure counts the events after the furthest checkpoint; undefined if the number is
 * unknown
 */
export async function projectionOverview(
  pool: Pool,
  projections: readonly Projection[],
  measure: (furthest: Checkpoint) => Promise<Behind | undefined>,
): Promise<readonly ProjectionOverview[]> {
  const { rows } = await pool.query<Stored>(
    `SELECT name, version, ${positionColumns}, rebuilt_at FROM projection_checkpoint`,
  );
  const checkpoints = rows.map((row) => ({ ...row, at: checkpointIn(row) }));
  const engines = await pool.query<Engine>(engineText);
  const engine = engines.rows[0] ?? { runs: false, state: null, error: null, rate: null };
  const furthest = furthestOf(checkpoints.map(({ at }) => at));
  const behind = await measure(furthest);
  return projections.map(({ name, version }) => {
    const stored = checkpoints.find((row) => row.name === name);
    // If a projection has no tables, but others have, its tables must be built.
    const isCurrent =
      checkpoints.length === 0 || (stored?.version === version && isSame(stored.at, furthest));
    const isStopped = engine.state === 'stopped';
    const runs = engine.runs || isStopped;
    return {
      name,
      version: stored?.version ?? null,
      position: stored?.at.position ? eventsUpTo(stored.at.position) : null,
      behindEvents: behind?.events ?? null,
      behindSeconds: behind?.seconds ?? null,
      eventsPerSecond: engine.runs ? (engine.rate ?? 0) : 0,
      status: isCurrent ? statusOf(engine, runs, stored && behind?.seconds) : 'outdated',
      error: runs ? engine.error : null,
      rebuiltAt: stored?.rebuilt_at ?? null,
    };
  });
}

const statusOf = (
  { state }: Engine,
  runs: boolean,
  behindSeconds: number | undefined,
): ProjectionOverview['status'] => {
  if (state === 'stopped') return 'stopped';
  if (!runs) return 'not running';
  const isLive = behindSeconds === undefined ? state === 'live' : behindSeconds < onItsWaySeconds;
  return isLive ? 'live' : 'catching up';
};

const engineText = `
  SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
      AND (classid::bigint << 32 | objid::bigint) = ${leaderLock}
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS runs,
    state, error, events_per_second AS rate
  FROM (SELECT) AS always LEFT JOIN projection_engine ON true`;

/**
 * Measures by reading the log from the checkpoint to its end. Undefined when the log is not that of
 * the tables.
 */
export const behindInLog =
  (eventStore: Pick<EventStore, 'subscribe'>, now: () => number = Date.now) =>
  async (furthest: Checkpoint): Promise<Behind | undefined> => {
    let events = 0;
    let oldestMs: number | undefined;
    const { signal } = new AbortController();
    const wanted = { after: placeAt(furthest), prefixes: streamPrefixes, signal };
    try {
      await readToEnd(eventStore, wanted, logMsMax, (message) => {
        if (message.kind !== 'event') return undefined;
        events += 1;
        oldestMs ??= message.event.createdMs;
        return events === behindEventsMax ? 'stop' : undefined;
      });
    } catch (error) {
      if (error instanceof LogDiffers || error instanceof EventStoreUnavailable) return undefined;
      throw error;
    }
    return { events, seconds: oldestMs === undefined ? 0 : Math.max(0, now() - oldestMs) / 1_000 };
  };
