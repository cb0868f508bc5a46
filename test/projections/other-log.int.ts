import { expect } from 'chai';
import { sql } from 'kysely';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { connectPostgres } from '../../src/infrastructure/postgres.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { PartlyOtherLog } from '../../src/projections/rebuild/errors.ts';
import { rebuild } from '../../src/projections/rebuild/rebuild-tables.ts';
import { ReadSideUnavailable } from '../../src/queries/read-side.ts';
import { eventually } from '../support/eventually.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { appendHistory, wholeLog } from './support/append-history.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { history } from './support/history.ts';
import { type ReadModels, readModels, rowsFromScratch, tableRows } from './support/read-models.ts';

describeWithOwnEventStore('tables of another log', function () {
  this.timeout(120_000);
  let servers: readonly TestEventStore[] = [];
  let stores: readonly EventStore[] = [];
  let models: ReadModels;

  beforeEach(async () => {
    models = await readModels();
    servers = await Promise.all([testEventStore(), testEventStore()]);
    stores = servers.map(({ url }) => connectEventStore(url));
    for (const [at, count] of [300, 900].entries()) {
      const shape = { sessions: 3, seatsPerSession: 20, users: 5, prefix: `log${at}x` };
      const events = history({ seed: at + 1, ...shape });
      await appendHistory(
        stores[at] as EventStore,
        Array.from({ length: count }, () => events.next().value),
      );
    }
    const { projector, stop } = startInstance(models.url, store(0));
    expect(await projector.reached(await end(0), 20_000)).to.equal(true);
    await stop();
  });

  afterEach(async () => {
    await stopInstances();
    await models.close();
    await Promise.all(stores.map((one) => one.close()));
    await Promise.all(servers.map((one) => one.stop()));
  });

  const store = (at: number): EventStore => stores[at] as EventStore;
  const events = (at: number) => wholeLog(store(at));
  const end = async (at: number) => (await events(at)).at(-1)?.position ?? 0n;
  const everything = async () => ({
    rows: await tableRows(models.db),
    checkpoints: (await sql`SELECT * FROM projection_checkpoint ORDER BY name`.execute(models.db))
      .rows,
  });

  async function expectRefused(): Promise<void> {
    const before = await everything();
    const { projector, readSide, stop } = startInstance(models.url, store(1));
    await eventually('another log', () => projector.status().state === 'other-log');
    expect(projector.status().error).to.contain(`at position ${await end(0)}`);
    expect(projector.status().error).to.contain('reprise rebuild');
    const shown = await readSide.concerts().catch((error: unknown) => error);
    expect(shown).to.be.instanceOf(ReadSideUnavailable);
    expect(await everything()).to.deep.equal(before);
    await stop();
  }

  it('are not written on though the log is longer, and the engine says what to do', async () => {
    expect((await end(1)) > (await end(0))).to.equal(true);
    await expectRefused();
    const { projector } = startInstance(models.url, store(0));
    await eventually('live', () => projector.status().state === 'live');
  });

  it('are made of this log by a rebuild of all, not of one', async () => {
    const { pool, close } = connectPostgres(models.url, { statementTimeoutMs: 60_000 });
    const rebuilt = (chosen: typeof projections) =>
      rebuild({
        eventStore: store(1),
        pool,
        projections: chosen,
        dryRun: false,
        signal: new AbortController().signal,
        onProgress() {},
        onDifference() {},
        onTrouble() {},
        limits: { batchEventsMax: 50, silentMsMax: 5_000 },
      });
    // The running service goes on by itself once they are.
    const { projector } = startInstance(models.url, store(1));
    await eventually('another log', () => projector.status().state === 'other-log');
    const part = await rebuilt(projections.slice(0, 1)).catch((error: unknown) => error);
    expect(part).to.be.instanceOf(PartlyOtherLog);
    expect((await rebuilt(projections)).isOtherLog).to.equal(true);
    await close();
    expect(await projector.reached(await end(1), 20_000)).to.equal(true);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(await events(1)));
  });
});
