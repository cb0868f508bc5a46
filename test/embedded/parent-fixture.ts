import { startEmbeddedPostgres } from '../../embedded/postgres/start.ts';

/** Stands in for the service in a process that tests may kill: `parent-fixture.ts DATA_DIR`. */
const postgres = await startEmbeddedPostgres({ dataDir: process.argv[2] as string });
process.send?.({ url: postgres.url, keeper: postgres.pid });
