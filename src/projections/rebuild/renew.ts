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
   * Pause between two looks at what another process builds, or at a PostgreSQL that does not
   * answer, in ms. Default 1,000.
   */
  readonly pollMs: number;
  /** Longest wait without any progress, in ms: then it fails. Default 1,800,000. */
  readonly silentMsMax: number;
}

const defaults: RenewLimits = { pollMs: 1_000, silentMsMax: 1_800_000 };

export interface RenewOptions
  extends Pick<RebuildOptions, 'eventStore' | 'pool' | 'projections' | 'signal' | 'onTrouble'> {
  onProgress(progress: RebuildProgress): void;
  /**
   * Another process builds; its tables have so many events by now, or null when that is not known.
   */
  onWait(events: number | null): void;
  readonly limits?: Partial<RenewLimits>;
}

/**
 * Brings tables of an older version of the service to this one, while the older service runs:
 * builds the new ones and replaces the old ones by them. Of several processes one builds and the
 * others wait. When it is killed, another goes on from where it was.
 * @throws TablesOutdated when the tables are a newer version's; what made the rebuild fail; the
 * signal's abort reason
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
      `waited ${this.#msMax / 1_000} s for the tables of this version, and nothing moved: ` +
        'see which process rebuilds them, then start the service anew',
    );
  }
}

/** @returns how far another process is when one builds */
async function tryToRenew(options: RenewOptions): Promise<'done' | { events: number | null }> {
  const client = await options.pool.connect();
  try {
    const { rows } = await client.query<{ mine: boolean }>(
      `SELECT pg_try_advisory_lock(${renewLock}) AS mine`,
    );
    if (rows[0]?.mine !== true) return { events: await eventsBuilt(client) };
    // Asked while it has the lock: the process that had it before may have built them.
    const names = await outdatedNames(client, options.projections);
    if (names.length === 0) return 'done';
    // What is parked is kept from every table, and new ones would have it.
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
