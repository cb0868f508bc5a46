import type { ClientBase } from 'pg';
import { isUnavailable } from '../../infrastructure/postgres.ts';
import { pause } from '../../support/pause.ts';
import { renewLock } from '../engine/advisory-locks.ts';
import { readCheckpoint, TablesOutdated } from '../engine/checkpoint.ts';
import { buildSchema, liveSchema } from '../engine/live-schema.ts';
import type { Projection } from '../models/projection.ts';
import { readParked } from '../parking/parked-table.ts';
import type { RebuildOptions, RebuildProgress } from './options.ts';
import { rebuild } from './rebuild-tables.ts';
import { RebuildRuns } from './shadow.ts';

/** Bounds of a renewal. */
export interface RenewLimits {
  /**
   * Pause between two looks at the build of another process, or at a PostgreSQL that does not
   * answer, in ms. Default 1,000.
   */
  readonly pollMs: number;
  /** Longest wait without any progress, in ms. Then it fails. Default 1,800,000. */
  readonly silentMsMax: number;
}

const defaults: RenewLimits = { pollMs: 1_000, silentMsMax: 1_800_000 };

export interface RenewOptions
  extends Pick<RebuildOptions, 'eventStore' | 'pool' | 'projections' | 'signal' | 'onTrouble'> {
  onProgress(progress: RebuildProgress): void;
  /**
   * Called while another process builds, with the number of events in its tables, or null if this
   * is unknown.
   */
  onWait(events: number | null): void;
  readonly limits?: Partial<RenewLimits>;
}

/**
 * Replaces the tables of an older version of the service, while the older service runs. It builds
 * new tables beside the old ones and then swaps them. One of several processes builds, and the
 * others wait. If that process is killed, another one continues its build.
 * @throws TablesOutdated if a newer version made the tables; the error that made the rebuild fail;
 * the signal's abort reason
 */
export async function renewTables(options: RenewOptions): Promise<void> {
  const { signal, onTrouble } = options;
  const { pollMs, silentMsMax } = { ...defaults, ...options.limits };
  const patience = new Patience(silentMsMax);
  for (;;) {
    signal.throwIfAborted();
    try {
      const outcome = await tryToRenew(options);
      if (outcome === 'done') return;
      patience.saw(String(outcome.events));
      options.onWait(outcome.events);
    } catch (error) {
      if (signal.aborted || !isUnavailable(error)) throw error;
      patience.saw('PostgreSQL away');
      onTrouble(error);
    }
    await pause(pollMs, signal);
  }
}

/** Ends a wait without progress. */
class Patience {
  readonly #msMax: number;
  #last: string | undefined;
  #sinceMs = performance.now();

  constructor(msMax: number) {
    this.#msMax = msMax;
  }

  saw(what: string): void {
    if (what !== this.#last) this.#sinceMs = performance.now();
    this.#last = what;
    if (performance.now() - this.#sinceMs < this.#msMax) return;
    throw new Error(
      `waited ${this.#msMax / 1_000} s for the tables of this version, without progress: ` +
        'see which process rebuilds them, then start the service anew',
    );
  }
}

/** @returns the progress of another process that builds */
async function tryToRenew(options: RenewOptions): Promise<'done' | { events: number | null }> {
  const client = await options.pool.connect();
  try {
    const { rows } = await client.query<{ mine: boolean }>(
      `SELECT pg_try_advisory_lock(${renewLock}) AS mine`,
    );
    if (rows[0]?.mine !== true) return { events: await eventsBuilt(client) };
    // Read under the lock, because the process that had the lock before may have built the tables.
    const names = await outdatedNames(client, options.projections);
    if (names.length === 0) return 'done';
    // Parked events are in no live table, but the new tables would have them.
    const isParked = (await readParked(client)).length > 0;
    await rebuild({
      ...options,
      projections: options.projections.filter(({ name }) => isParked || names.includes(name)),
      dryRun: false,
      onDifference: () => {},
      limits: {},
    });
    return 'done';
  } catch (error) {
    if (error instanceof RebuildRuns) return { events: await eventsBuilt(client) };
    throw error;
  } finally {
    // Closing it gives the lock back.
    client.release(true);
  }
}

/** @throws TablesOutdated when they are a newer version's */
async function outdatedNames(
  client: ClientBase,
  projections: readonly Projection[],
): Promise<readonly string[]> {
  try {
    await readCheckpoint(client, projections);
    return [];
  } catch (error) {
    if (error instanceof TablesOutdated && error.toBuild.length > 0) return error.toBuild;
    throw error;
  }
}

async function eventsBuilt(client: ClientBase): Promise<number | null> {
  const schema = buildSchema(await liveSchema(client));
  const found = await client
    .query<{ events: bigint }>(`SELECT events FROM "${schema}".build`)
    .catch(() => undefined);
  const [row] = found?.rows ?? [];
  return row === undefined ? null : Number(row.events);
}
