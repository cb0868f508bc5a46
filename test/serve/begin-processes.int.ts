import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { pino } from 'pino';
import type { Refusal } from '../../src/commands/core/result.ts';
import { RecentStreams } from '../../src/processes/compare-rows.ts';
import type { RecoveryParts } from '../../src/processes/recovery.ts';
import type { ReadSideStatus } from '../../src/projections/projector.ts';
import { startProcesses } from '../../src/serve/compose.ts';
import { ArrayEventStore } from '../projections/support/array-event-store.ts';
import { startInstance, stopInstances } from '../projections/support/engines.ts';
import { recorded } from '../projections/support/history.ts';
import { type ReadModels, readModels } from '../projections/support/read-models.ts';
import { eventually } from '../support/eventually.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';

const events = recorded({ seed: 4, sessions: 3, seatsPerSession: 20, users: 5 }, 1_500);

describe('the processes of a service', function () {
  this.timeout(60_000);
  let models: ReadModels;
  const store = new ArrayEventStore();
  before(async () => {
    models = await readModels();
    store.append(...events);
    const { projector } = startInstance(models.url, store);
    expect(await projector.reached(events.at(-1)?.position ?? 0n, 20_000)).to.equal(true);
  });
  after(async () => {
    await stopInstances();
    await models.close();
  });

  for (const [state, what] of [
    ['live', 'the read models have shown the end of the log'],
    ['building', 'new tables are built beside older ones'],
  ]) {
    it(`begin when the sale is open and ${what}`, async () => {
      const stop = new AbortController();
      const status: ReadSideStatus = {
        ...{ state: 'catching-up', position: null, eventPosition: null, parkedEvents: 0 },
        ...{ lagEvents: 0, lagSeconds: 0, stalledSeconds: 0 },
      };
      const memory = new MemoryEventStore();
      const catalog = { isSaleClosed: true };
      const asked = new Set<string>();
      const ask = async (reservationId: string): Promise<{ ok: false; refusal: Refusal }> => {
        asked.add(reservationId);
        return { ok: false, refusal: { code: 'seat-taken', detail: '' } };
      };
      const sales: RecoveryParts['sales'] = {
        expire: ask,
        settlePayment: ({ reservationId }) => ask(reservationId),
        refund: ({ reservationId }) => ask(reservationId),
        settleOrder: async (reservationId) => (await ask(reservationId)).ok,
        cancelForOrganiser: ask,
        claimsInDoubt: async () => [],
        settleClaim: async () => true,
      };
      const { ended } = startProcesses(
        {
          store: memory,
          storeTime: { name: 'the event store' },
          recent: new RecentStreams(),
          db: models.db,
          clock: { now: Date.now, earliest: Date.now, timeOf: Date.now },
        },
        { catalog, projector: { status: () => status } },
        sales,
        { logger: pino({ level: 'silent' }), signal: stop.signal, onError: () => {} },
        { refunded: () => {} },
      );
      try {
        await sleep(1_000);
        catalog.isSaleClosed = false;
        await sleep(1_000);
        expect([...asked], 'before the end of the log is shown').to.deep.equal([]);
        Object.assign(status, { state });
        await eventually('the holds that are over are ended', () => asked.size > 0);
      } finally {
        stop.abort();
        await ended;
      }
    });
  }
});
