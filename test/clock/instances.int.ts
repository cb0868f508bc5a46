import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { ServiceClock } from '../../src/clock/service-clock.ts';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import type { Sales } from '../../src/commands/sales/sales.ts';
import type { DomainEvent } from '../../src/events/events.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { expireHolds } from '../../src/processes/expire-holds.ts';
import { workLists } from '../../src/queries/work-lists.ts';
import { verify } from '../../src/verify/verify-log.ts';
import { catalogOf, salesOn, sessionEvents } from '../correctness/support/sale.ts';
import { startInstance, stopInstances } from '../projections/support/engines.ts';
import { type ReadModels, readModels } from '../projections/support/read-models.ts';
import { eventually } from '../support/eventually.ts';
import { type TestEventStore, testEventStore } from '../support/servers.ts';

const minute = 60_000;
const holdMs = minute;
const sessionId = 's1';

/**
 * Two services on real servers, the first with the sweeper; their times, and those of their
 * machines, are a script's.
 */
describe('two instances whose machines are two minutes apart', function () {
  this.timeout(120_000);
  let server: TestEventStore;
  let models: ReadModels;
  let store: EventStore;
  /** The right time since the start, by nobody's wall clock. */
  let passedMs: number;
  const startedMs = Date.now();
  const aborter = () => new AbortController();
  let ending: AbortController;
  let sweeping: Promise<void>;
  /** Rounds of the sweeper of A that began. */
  let rounds: number;
  let sales: readonly Sales[];

  const rightMs = () => startedMs + passedMs;
  const clockOf = async (aheadMs: number) => {
    const clock = new ServiceClock({
      sources: [
        {
          name: 'PostgreSQL',
          ask: async () => ({ serverMs: rightMs(), fromMs: passedMs, toMs: passedMs }),
        },
      ],
      holdMs,
      tell() {},
      monotonic: () => passedMs,
      wall: () => rightMs() + aheadMs,
    });
    await clock.start();
    return clock;
  };

  /** @param isMeasured false: instances go by their machines' clocks */
  const start = async (isMeasured: boolean) => {
    const catalog = catalogOf([sessionId], 20);
    const clocks = await Promise.all(
      [2 * minute, 0].map(async (aheadMs) => {
        const wall = () => rightMs() + aheadMs;
        return isMeasured ? clockOf(aheadMs) : { now: wall, earliest: wall };
      }),
    );
    sales = clocks.map((clock) => salesOn(store, catalog, { ...clock, holdMs }));
    const { dueHolds } = workLists(models.db);
    const [first] = clocks;
    if (first === undefined) throw new Error('no clock');
    sweeping = expireHolds({
      sales: sales[0] as Sales,
      dueHolds: (...asked) => {
        rounds += 1;
        return dueHolds(...asked);
      },
      now: first.earliest,
      signal: ending.signal,
      onError: (_, error) => {
        throw error;
      },
    });
  };

  const swept = async () => {
    const before = rounds;
    await eventually('A has swept, from beginning to end', () => rounds >= before + 2);
  };
  const reserve = async (n: number, userId: string, seatId: string) => {
    const context = { commandId: randomUUID() };
    const asked = { concertId: 'c1', sessionId, seatIds: [seatId], userId, context };
    const result = await sales[n]?.reserve(asked);
    if (!result?.ok) throw new Error(result?.refusal.detail);
    const { reservationId } = result.value;
    await eventually('the sweeper’s list has it', async () => {
      const row = await models.db
        .selectFrom('reservation')
        .select('status')
        .where('reservation_id', '=', reservationId)
        .executeTakeFirst();
      return row !== undefined;
    });
    return reservationId;
  };
  const pay = async (n: number, userId: string, reservationId: string) => {
    const paid = await sales[n]?.pay({
      userId,
      reservationId,
      context: { commandId: randomUUID() },
    });
    return paid?.ok ? 'paid' : paid?.refusal.code;
  };

  beforeEach(async () => {
    passedMs = 0;
    rounds = 0;
    ending = aborter();
    sweeping = Promise.resolve();
    [server, models] = await Promise.all([testEventStore({}), readModels()]);
    store = connectEventStore(server.url);
    startInstance(models.url, store);
    const events = sessionEvents(sessionId, 20).map((event) => ({
      id: randomUUID(),
      event: event as DomainEvent,
      metadata: { schemaVersion: 1, command: 'Import', commandId: 'test' },
    }));
    await store.append('concert-c1', 'no_stream', events);
  });

  afterEach(async () => {
    ending.abort();
    await sweeping;
    await stopInstances();
    await store.close();
    await models.close();
    await server.stop();
  });

  const charge = (userId: string) =>
    sales[0]?.charge({
      userId,
      chargeId: 'one',
      amount: 1_000_000,
      context: { commandId: randomUUID() },
    });

  it('pay in time what was reserved on the other one, and end holds on time', async () => {
    await start(true);
    await charge('u1');
    const reservationId = await reserve(1, 'u1', 'A-1-1');
    passedMs += 10_000;
    await swept();
    expect(await pay(1, 'u1', reservationId)).to.equal('paid');
    const unpaid = await reserve(0, 'u1', 'A-1-2');
    passedMs += holdMs - 1;
    await swept();
    expect((await sales[1]?.reservationOf(sessionId, 'A-1-2')) ?? 'free').to.equal(unpaid);
    passedMs += 1;
    await eventually('A ends it', async () => {
      return (await sales[1]?.reservationOf(sessionId, 'A-1-2')) === undefined;
    });
    expect(await pay(1, 'u1', unpaid)).to.equal('hold-expired');
    const { violations } = await verify({ eventStoreUrl: server.url, asOf: 'log-end' });
    expect(violations.listed).to.deep.equal([]);
  });

  it('negative control: by their machines’ clocks the buyer in time is too late', async () => {
    await start(false);
    await charge('u1');
    const reservationId = await reserve(1, 'u1', 'A-1-1');
    passedMs += 10_000;
    await eventually('A ends it', async () => {
      return (await sales[1]?.reservationOf(sessionId, 'A-1-1')) === undefined;
    });
    expect(await pay(1, 'u1', reservationId)).to.equal('hold-expired');
  });
});
