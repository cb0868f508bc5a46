import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { recorded } from './support/history.ts';
import { type ReadModels, readModels } from './support/read-models.ts';

const events = recorded({ seed: 4, sessions: 2, seatsPerSession: 10, users: 3 }, 4_000);
const at = (index: number): bigint => events[index]?.position ?? 0n;

describe('a read side that is behind', function () {
  this.timeout(60_000);
  let models: ReadModels;
  let store: ArrayEventStore;
  let nowMs: number;
  const now = () => nowMs;

  beforeEach(async () => {
    models = await readModels();
    store = new ArrayEventStore();
    nowMs = Date.now();
  });

  afterEach(async () => {
    await stopInstances();
    await models.close();
  });

  it('counts the time without a move, on the instance that writes and on one that stands by', async () => {
    store.append(...events.slice(0, 100));
    const instances = [
      startInstance(models.url, store, { now }),
      startInstance(models.url, store, { now }),
    ];
    for (const { projector } of instances) {
      expect(await projector.reached(at(99), 10_000)).to.equal(true);
      await eventually('live', () => projector.status().state === 'live');
    }
    // Idle for long: nothing is to be shown, so nothing stalls.
    nowMs += 3_600_000;
    for (const { projector } of instances) expect(projector.status().stalledSeconds).to.equal(0);
    const blocker = await models.postgres.pool.connect();
    await blocker.query('BEGIN; SELECT FROM projection_checkpoint FOR UPDATE');
    store.append(...events.slice(100, 200));
    for (const { projector } of instances) {
      await eventually('it is behind', () => projector.status().lagEvents === 100);
      expect(projector.status().stalledSeconds).to.be.lessThan(1);
    }
    nowMs += 31_000;
    for (const { projector } of instances) {
      expect(projector.status()).to.include({ state: 'live', stalledSeconds: 31 });
    }
    await blocker.query('ROLLBACK');
    blocker.release();
    for (const { projector } of instances) {
      expect(await projector.reached(at(199), 20_000)).to.equal(true);
      expect(projector.status()).to.include({ stalledSeconds: 0, lagEvents: 0 });
    }
  });

  it('does not stall while it catches up, however far behind it is', async () => {
    store.append(...events.slice(0, 10));
    const { projector } = startInstance(models.url, store, { now, limits: { batchEventsMax: 50 } });
    expect(await projector.reached(at(9), 10_000)).to.equal(true);
    await eventually('live', () => projector.status().state === 'live');
    store.append(...events.slice(10));
    let moves = 0;
    for (let shown = at(9); shown < at(3_999); ) {
      const { position, stalledSeconds, lagSeconds } = projector.status();
      // Each move comes 20 s after the one before.
      expect(stalledSeconds).to.be.lessThan(30);
      if (position !== null && position > shown) {
        shown = position;
        moves += 1;
        nowMs += 20_000;
        if (position < at(3_999)) expect(lagSeconds).to.be.greaterThan(30);
      }
      await new Promise(setImmediate);
    }
    expect(moves).to.be.greaterThan(3);
  });
});
