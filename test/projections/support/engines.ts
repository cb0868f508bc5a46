import { Kysely, PostgresDialect } from 'kysely';
import { connectPostgres } from '../../../src/infrastructure/postgres.ts';
import { runProjections } from '../../../src/projections/engine/engine.ts';
import type { ProjectorOptions } from '../../../src/projections/engine/options.ts';
import type { Database } from '../../../src/projections/models/database.ts';
import { projections } from '../../../src/projections/models/registry.ts';
import type { Projector } from '../../../src/projections/projector.ts';
import { createReadSide } from '../../../src/queries/mirrored-read-side.ts';
import type { ReadSide } from '../../../src/queries/read-side.ts';
import { silent } from './read-models.ts';

/** One instance of the service's read side, with connections of its own. */
export interface Instance {
  readonly projector: Projector;
  readonly readSide: ReadSide;
  readonly db: Kysely<Database>;
  stop(): Promise<void>;
}

const running = new Set<Instance>();

export function startInstance(
  url: string,
  eventStore: ProjectorOptions['eventStore'],
  options: Partial<ProjectorOptions> = {},
): Instance {
  const { pool } = connectPostgres(url);
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  const aborter = new AbortController();
  const projector = runProjections({
    eventStore,
    pool,
    projections,
    logger: silent,
    signal: aborter.signal,
    ...options,
    limits: { standbyPollMs: 100, idleCheckpointMs: 100, retryMsMax: 200, ...options.limits },
  });
  const instance: Instance = {
    projector,
    readSide: createReadSide({ db, projector, scheduledMs: () => 0 }),
    db,
    async stop() {
      running.delete(instance);
      aborter.abort();
      await projector.done;
      await db.destroy();
    },
  };
  running.add(instance);
  return instance;
}

/** The seats of the sessions `s1` to `s3` as an instance shows them. */
export async function seatsOf({ readSide }: Pick<Instance, 'readSide'>): Promise<string> {
  const lists = [1, 2, 3].map(async (n) => (await readSide.seats(`c${n}`, `s${n}`))?.body);
  return (await Promise.all(lists)).join();
}

/** For `afterEach`: a test that failed half way leaves nothing behind. */
export async function stopInstances(): Promise<void> {
  await Promise.all([...running].map((instance) => instance.stop()));
}
