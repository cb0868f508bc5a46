import type { Postgres } from '../../../src/infrastructure/postgres.ts';
import { projections } from '../../../src/projections/models/registry.ts';
import { retryParked } from '../../../src/projections/parking/retry.ts';
import type { RebuildOptions } from '../../../src/projections/rebuild/options.ts';
import { rebuild } from '../../../src/projections/rebuild/rebuild-tables.ts';

type RetryOptions = Parameters<typeof retryParked>[0];

/** `reprise projections retry` on the read models of a database. */
export function retryOn(
  { pool }: Postgres,
  eventStore: RetryOptions['eventStore'],
): ReturnType<typeof retryParked> {
  const { signal } = new AbortController();
  return retryParked({ eventStore, pool, projections, signal, onProgress() {} });
}

/** `reprise rebuild` on the read models of a database, in small batches. */
export function rebuildOn(
  { pool }: Pick<Postgres, 'pool'>,
  eventStore: RebuildOptions['eventStore'],
  options: Partial<RebuildOptions> = {},
): ReturnType<typeof rebuild> {
  return rebuild({
    eventStore,
    pool,
    projections,
    dryRun: false,
    signal: new AbortController().signal,
    onProgress() {},
    onDifference() {},
    onTrouble() {},
    ...options,
    limits: { gatherMs: 5, ...options.limits },
  });
}

/** What a piece of work fails with. */
export const failure = (running: Promise<unknown>): Promise<string> =>
  running.then(
    () => 'it did not fail',
    (error: Error) => error.message,
  );
