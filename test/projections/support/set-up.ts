import { connectPostgres, type Postgres } from '../../../src/infrastructure/postgres.ts';
import { readParked } from '../../../src/projections/parking/parked-table.ts';
import { stopInstances } from './engines.ts';
import { type ReadModels, readModels } from './read-models.ts';
import { retryOn } from './repairs.ts';

/** What each test of a suite has of its own. */
export interface SetUp {
  readonly models: ReadModels;
  /** For repairs: its statements may take a minute. */
  readonly postgres: Postgres;
}

/**
 * Gives each test of the suite fresh read models; stops its instances afterwards.
 * @returns the set-up of the test that runs
 */
export function freshReadModels(): SetUp & {
  parked(): ReturnType<typeof readParked>;
  retry(eventStore: Parameters<typeof retryOn>[1]): ReturnType<typeof retryOn>;
} {
  let models: ReadModels;
  let postgres: Postgres;

  beforeEach(async () => {
    models = await readModels();
    postgres = connectPostgres(models.url, { statementTimeoutMs: 60_000 });
  });

  afterEach(async () => {
    await stopInstances();
    await postgres.close();
    await models.close();
  });

  return {
    get models() {
      return models;
    },
    get postgres() {
      return postgres;
    },
    parked: () => readParked(postgres.pool),
    retry: (eventStore) => retryOn(postgres, eventStore),
  };
}
