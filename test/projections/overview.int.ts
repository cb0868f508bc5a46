import { expect } from 'chai';
import { sql } from 'kysely';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { behindInLog, projectionOverview } from '../../src/projections/engine/overview.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { recorded } from './support/history.ts';
import { type ReadModels, readModels } from './support/read-models.ts';

const events = recorded({ seed: 9, sessions: 2, seatsPerSession: 10, users: 4 }, 400);
const at = (count: number): bigint => events[count - 1]?.position ?? 0n;

describe('the overview of projections', function () {
  this.timeout(60_000);
  let models: ReadModels;
  let store: ArrayEventStore;
  const nowMs = (events[399]?.createdMs ?? 0) + 60_000;

  beforeEach(async () => {
    models = await readModels();
    store = new ArrayEventStore();
  });

  afterEach(async () => {
    await stopInstances();
    await models.close();
  });

  const overview = (of = projections) =>
    projectionOverview(
      models.postgres.pool,
      of,
      behindInLog(store, () => nowMs),
    );
  const seat = async () => (await overview()).find(({ name }) => name === 'seat');

  it('is of a database that no service has written yet', async () => {
    const all = await overview();
    expect(all.map(({ name }) => name)).to.deep.equal(projections.map(({ name }) => name));
    for (const one of all) {
      expect(one).to.include({ version: null, position: null, status: 'not running' });
      expect(one).to.include({ behindEvents: 0, behindSeconds: 0, rebuiltAt: null });
    }
  });

  it('tells what is live, how far behind a service that ended left it, and how fast it was', async () => {
    store.append(...events.slice(0, 300));
    const { projector, stop } = startInstance(models.url, store);
    expect(await projector.reached(at(300), 10_000)).to.equal(true);
    await eventually('live', async () => (await seat())?.status === 'live');
    expect(await seat()).to.include({
      version: 1,
      position: at(300),
      behindEvents: 0,
      error: null,
    });
    store.append(...events.slice(300, 390));
    expect(await projector.reached(at(390), 10_000)).to.equal(true);
    await eventually('the rate is told', async () => ((await seat())?.eventsPerSecond ?? 0) > 0);
    await eventually('and falls', async () => (await seat())?.eventsPerSecond === 0);
    await stop();
    store.append(...events.slice(390));
    // PostgreSQL gives the lock back when it has seen that the connection is closed.
    await eventually('not running', async () => (await seat())?.status === 'not running');
    const left = await seat();
    expect(left).to.include({ position: at(390), behindEvents: 10 });
    const oldest = events[390]?.createdMs ?? 0;
    expect(left?.behindSeconds).to.equal((nowMs - oldest) / 1_000);
  });

  it('names the event that it stopped at, until a service goes on', async () => {
    const poison: RecordedEvent = {
      ...(events[100] as RecordedEvent),
      metadata: { schemaVersion: 99 },
    };
    store.append(...events.slice(0, 100), poison);
    const { stop } = startInstance(models.url, store, { limits: { parkedEventsMax: 0 } });
    await eventually('stopped', async () => (await seat())?.status === 'stopped');
    const stopped = await seat();
    expect(stopped).to.include({ position: at(100), behindEvents: 1 });
    expect(stopped?.error).to.contain(`event ${poison.revision}@${poison.stream}`);
    await stop();
    expect((await seat())?.status).to.equal('stopped');
    store = new ArrayEventStore();
    store.append(...events.slice(0, 200));
    startInstance(models.url, store);
    await eventually('live', async () => (await seat())?.status === 'live');
    expect((await seat())?.error).to.equal(null);
  });

  it('tells tables of another version', async () => {
    startInstance(models.url, store);
    await eventually('live', async () => (await seat())?.status === 'live');
    await sql`UPDATE projection_checkpoint SET version = 7 WHERE name = 'seat'`.execute(models.db);
    expect(await seat()).to.include({ status: 'outdated', version: 7 });
  });

  it('says that it does not know when the log is away', async () => {
    const away = { subscribe: async function* () {} };
    const [one] = await projectionOverview(models.postgres.pool, projections, behindInLog(away));
    expect(one).to.include({ behindEvents: null, behindSeconds: null });
  });
});
