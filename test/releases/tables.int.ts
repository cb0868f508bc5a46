import { expect } from 'chai';
import { sql } from 'kysely';
import { migrate } from '../../migrations/migrate.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { connectPostgres, type Postgres } from '../../src/infrastructure/postgres.ts';
import type { Projection } from '../../src/projections/models/projection.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { renewTables } from '../../src/projections/rebuild/renew.ts';
import { dropOld } from '../../src/projections/rebuild/shadow.ts';
import { type Contract, ownContract } from '../../src/releases/contract.ts';
import { bringBack, planTables, TablesError } from '../../src/releases/tables.ts';
import { ArrayEventStore } from '../projections/support/array-event-store.ts';
import { startInstance, stopInstances } from '../projections/support/engines.ts';
import { recorded } from '../projections/support/history.ts';
import { newerProjections } from '../projections/support/newer-projections.ts';
import {
  type ReadModels,
  readModels,
  rowsFromScratch,
  tableRows,
} from '../projections/support/read-models.ts';
import { eventually } from '../support/eventually.ts';

const events = recorded({ seed: 6, sessions: 4, seatsPerSession: 25, users: 8 }, 3_000);
const last = (some: readonly RecordedEvent[]): bigint => some.at(-1)?.position ?? 0n;
/** The form stays, every version goes up. */
const allNewer: readonly Projection[] = projections.map((one) => ({
  ...one,
  version: one.version + 1,
}));

describe('the way back of tables', function () {
  this.timeout(120_000);
  const older: Contract = ownContract('0.1.0');
  let models: ReadModels;
  let store: ArrayEventStore;
  let postgres: Postgres;

  beforeEach(async () => {
    models = await readModels();
    store = new ArrayEventStore();
    postgres = connectPostgres(models.url, { statementTimeoutMs: 60_000, connectionsMax: 20 });
  });
  afterEach(async () => {
    await stopInstances();
    await postgres.close();
    await models.close();
  });

  const renew = (some: readonly Projection[]) =>
    renewTables({
      ...{ eventStore: store, pool: postgres.pool, projections: some },
      signal: new AbortController().signal,
      onProgress: () => {},
      onWait: () => {},
      onTrouble: () => {},
      limits: { pollMs: 20 },
    });

  /** A version serves until the tables have all that the log has, then stops. */
  async function serve(some: readonly Projection[], upTo: readonly RecordedEvent[]) {
    let renewals = 0;
    const { projector } = startInstance(models.url, store, {
      projections: some,
      renew: () => {
        renewals += 1;
        return renew(some);
      },
    });
    await eventually('it has all', () => projector.reached(last(upTo), 1_000), 60_000, 50);
    await stopInstances();
    return renewals;
  }

  /** The older version serves, then the newer one, which writes on. */
  async function upgrade(newer: readonly Projection[]): Promise<void> {
    store.append(...events.slice(0, 1_000));
    await serve(projections, events.slice(0, 1_000));
    await renew(newer);
    store.append(...events.slice(1_000, 2_000));
    await serve(newer, events.slice(0, 2_000));
  }

  async function withClient<T>(
    work: (client: Parameters<typeof planTables>[0]) => Promise<T>,
  ): Promise<T> {
    const client = await postgres.pool.connect();
    return work(client).finally(() => client.release(true));
  }
  const plan = () => withClient((client) => planTables(client, older));
  const back = () => withClient((client) => bringBack(client, older));

  async function expectOlderServes(): Promise<number> {
    store.append(...events.slice(2_000));
    const renewals = await serve(projections, events);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(events));
    return renewals;
  }

  it('is none where the tables are those of the version', async () => {
    store.append(...events.slice(0, 1_000));
    await serve(projections, events.slice(0, 1_000));
    expect(await plan()).to.include({ way: 'none', catchesUp: true });
  });

  it('swaps all of them back, and the older version goes on from where they were', async () => {
    await upgrade(allNewer);
    expect(await plan()).to.include({ way: 'swap', catchesUp: true });
    await back();
    expect(await plan()).to.include({ way: 'none' });
    await expectOlderServes();
    const { rows } = await sql<{ version: number }>`
      SELECT DISTINCT version FROM projection_checkpoint`.execute(models.db);
    expect(rows).to.deep.equal([{ version: 1 }]);
  });

  it('swaps one back, and the older version builds that one again', async () => {
    await upgrade(newerProjections);
    expect(await plan()).to.deep.include({ way: 'swap', differ: ['seat'], catchesUp: false });
    await back();
    await expectOlderServes();
  });

  it('drops all where the old tables are gone, and the older version makes them from the log', async () => {
    await upgrade(newerProjections);
    await withClient((client) => dropOld(client, 'public'));
    expect(await plan()).to.include({ way: 'drop' });
    await back();
    await migrate(models.db);
    await expectOlderServes();
  });

  it('drops all where a migration came that the older version does not know', async () => {
    await upgrade(allNewer);
    await sql`INSERT INTO kysely_migration VALUES ('0099-later', now()::text)`.execute(models.db);
    // What the older version says without a way back.
    const refused = await migrate(models.db).catch((error: Error) => error.message);
    expect(refused).to.match(/0099-later/);
    expect(await plan()).to.deep.include({ way: 'drop', newerMigrations: ['0099-later'] });
    await back();
    await migrate(models.db);
    await expectOlderServes();
  });

  it('is refused while a service writes, and changes nothing', async () => {
    await upgrade(allNewer);
    startInstance(models.url, store, { projections: allNewer, renew: () => renew(allNewer) });
    const leads = async () => {
      const { rows } = await sql`SELECT FROM pg_locks WHERE locktype = 'advisory'`.execute(
        models.db,
      );
      return rows.length > 0;
    };
    await eventually('it leads', leads, 20_000);
    const refusal = await back().catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(TablesError);
    await stopInstances();
    expect(await plan()).to.include({ way: 'swap' });
  });
});
