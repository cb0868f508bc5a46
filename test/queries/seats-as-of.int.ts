import { expect } from 'chai';
import fc from 'fast-check';
import { sql } from 'kysely';
import { Catalog } from '../../src/commands/concert/catalog.ts';
import { decode, type RecordedEvent } from '../../src/events/codec.ts';
import { orderReservationId, reservationId } from '../../src/events/ids.ts';
import { concertStream, orderStream, seatStream } from '../../src/events/streams.ts';
import { createReadSide } from '../../src/queries/mirrored-read-side.ts';
import type { PreparedBody, ReadSide, SeatFilter } from '../../src/queries/read-side.ts';
import { ArrayEventStore } from '../projections/support/array-event-store.ts';
import { type Instance, startInstance, stopInstances } from '../projections/support/engines.ts';
import { type HistoryShape, recorded } from '../projections/support/history.ts';
import {
  type ReadModels,
  readModels,
  rowsFromScratch,
} from '../projections/support/read-models.ts';
import { sessionCancelled } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';

interface Seat {
  readonly seatId: string;
  readonly section: string;
  readonly isAvailable: boolean;
}
const seatsIn = (body: PreparedBody | undefined): Seat[] | undefined =>
  body && JSON.parse(String(body.body)).seatList;

/** The present's own rules, on the part of the log that there was: what a moment's list must be. */
function folded(events: readonly RecordedEvent[], sessionId: string, asOfMs: number) {
  const rows = rowsFromScratch(events.filter(({ createdMs }) => createdMs <= asOfMs));
  const session = rows.session?.find((row) => row.session_id === sessionId);
  if (session === undefined) return undefined;
  return rows.seat
    ?.filter((row) => row.session_id === sessionId)
    .sort((a, b) => Number(a.ordinal) - Number(b.ordinal))
    .map((row) => ({
      seatId: row.seat_id,
      section: row.section,
      isAvailable: session.cancelled_at === null && row.status === 'available',
    }));
}

describe('a session’s seats as they were', function () {
  this.timeout(120_000);
  let models: ReadModels;
  let store: ArrayEventStore;
  let instance: Instance;
  let catalog: Catalog;
  let reads: ReadSide;
  let logged: bigint;

  before(async () => {
    models = await readModels();
    store = new ArrayEventStore();
    instance = startInstance(models.url, store);
    catalog = new Catalog();
    reads = createReadSide({
      db: instance.db,
      projector: instance.projector,
      scheduledMs: (sessionId) => catalog.session(sessionId)?.scheduledMs,
    });
    logged = 0n;
    await eventually('live', () => instance.projector.status().state === 'live');
  });
  after(async () => {
    await stopInstances();
    await models.close();
  });

  /** Puts events at the end of the log, and waits until they show. */
  async function show(events: readonly RecordedEvent[]): Promise<void> {
    const start = logged;
    const placed = events.map((event) => ({ ...event, position: event.position + start }));
    for (const event of placed) catalog.apply(decode(event));
    store.append(...placed);
    logged = placed.at(-1)?.position ?? logged;
    expect(await instance.projector.reached(logged, 20_000)).to.equal(true);
  }

  it('are what the log says, folded up to any moment, with any filter', async () => {
    let runs = 0;
    const steps = fc.array(fc.constantFrom(0, 0, 1, 7, 1_000), { minLength: 150, maxLength: 150 });
    await fc.assert(
      fc.asyncProperty(fc.integer(), steps, fc.boolean(), async (seed, gaps, cancels) => {
        runs += 1;
        const shape = { seed, sessions: 2, seatsPerSession: 5, users: 3, prefix: `r${runs}-` };
        const events = await timed(shape, gaps, cancels);
        await show(events);
        // Every moment at which something happened, and those around them.
        const moments = new Set(events.flatMap(({ createdMs: ms }) => [ms - 1, ms, ms + 1]));
        for (const asOfMs of moments) {
          if (asOfMs % 3 !== 0 && asOfMs !== events.at(-1)?.createdMs) continue;
          for (const n of [1, 2]) {
            const [concertId, sessionId] = [`r${runs}-c${n}`, `r${runs}-s${n}`];
            const ask = async (filter: SeatFilter) =>
              seatsIn(await reads.seatsAsOf(concertId, sessionId, asOfMs, filter))?.map(
                ({ seatId, section, isAvailable }) => ({ seatId, section, isAvailable }),
              );
            const wanted = folded(events, sessionId, asOfMs);
            expect(await ask({}), `${sessionId} at ${asOfMs}`).to.deep.equal(wanted);
            expect(await ask({ availableOnly: true })).to.deep.equal(
              wanted?.filter((seat) => seat.isAvailable),
            );
            expect(await ask({ section: 'none' })).to.deep.equal(wanted && []);
          }
        }
        // The present is the last moment.
        const asOfMs = events.at(-1)?.createdMs ?? 0;
        const now = await reads.seats(`r${runs}-c1`, `r${runs}-s1`);
        const then = await reads.seatsAsOf(`r${runs}-c1`, `r${runs}-s1`, asOfMs);
        expect(String(then?.body)).to.equal(String(now?.body));
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });

  /**
   * A history whose events come after one another by some gaps, many at the same time; some
   * sessions end cancelled.
   */
  async function timed(shape: HistoryShape, gaps: readonly number[], cancels: boolean) {
    let createdMs = Date.UTC(2026, 3, 1);
    const events = recorded(shape, gaps.length).map((event, index) => {
      createdMs += gaps[index] ?? 0;
      return { ...event, createdMs };
    });
    if (!cancels) return events;
    const sessionId = `${shape.prefix}s1`;
    const last = events.at(-1) as RecordedEvent;
    const cancelled: RecordedEvent = {
      ...last,
      id: `${last.id}-cancelled`,
      stream: concertStream(`${shape.prefix}c1`),
      ...sessionCancelled(sessionId),
      position: last.position + 10n,
      createdMs: last.createdMs + 6,
    };
    return [...events, cancelled];
  }

  it('count an order’s seats by themselves, from when each one was taken', async () => {
    const events = orderHistory();
    await show(events);
    for (const { createdMs } of events) {
      const then = seatsIn(await reads.seatsAsOf('oc', 'order', createdMs));
      expect(then?.map(({ isAvailable }) => isAvailable)).to.deep.equal(
        folded(events, 'order', createdMs)?.map(({ isAvailable }) => isAvailable),
      );
    }
    const between = seatsIn(await reads.seatsAsOf('oc', 'order', events[3]?.createdMs ?? 0));
    expect(between?.map(({ isAvailable }) => isAvailable)).to.deep.equal([false, true]);
  });

  it('negative control: with the orders’ own rows, seats would be taken too early', async () => {
    // What the statement leaves out: the row of the order, which names both seats from the moment
    // it was placed.
    const { rows } = await sql<{ seat_ids: string }>`
      SELECT seat_ids FROM reservation WHERE session_id = 'order'
        AND reserved_at <= ${new Date(orderHistory()[2]?.createdMs ?? 0)}`.execute(models.db);
    expect(rows).to.deep.equal([{ seat_ids: 'A-1-1,A-1-2' }]);
  });

  it('have an ETag that is the same for the same seats, and another for others', async () => {
    const [placed, first, second] = orderHistory()
      .slice(2, 5)
      .map(({ createdMs }) => createdMs) as [number, number, number];
    const tag = async (ms: number, filter?: SeatFilter) =>
      (await reads.seatsAsOf('oc', 'order', ms, filter))?.etag;
    expect(await tag(first)).to.equal(await tag(second - 1));
    const tags = [
      await tag(placed),
      await tag(first),
      await tag(second),
      await tag(first, { availableOnly: true }),
      await tag(first, { section: 'A' }),
      (await reads.seats('oc', 'order'))?.etag,
    ];
    expect(new Set(tags).size).to.equal(tags.length);
  });

  it('leave the present list and what is being sent of it as they are', async () => {
    const before = await reads.seats('oc', 'order');
    const text = String(before?.body);
    await reads.seatsAsOf('oc', 'order', orderHistory()[2]?.createdMs ?? 0);
    expect(String(before?.body)).to.equal(text);
    expect(String((await reads.seats('oc', 'order'))?.body)).to.equal(text);
  });

  it('are there for a concert’s own sessions alone, and not before they were scheduled', async () => {
    const scheduledMs = orderHistory()[1]?.createdMs ?? 0;
    expect(await reads.seatsAsOf('oc', 'order', scheduledMs - 1)).to.equal(undefined);
    expect(seatsIn(await reads.seatsAsOf('oc', 'order', scheduledMs))).to.have.length(2);
    expect(await reads.seatsAsOf('oc', 'nope', Date.now())).to.equal(undefined);
    expect(await reads.seatsAsOf('nope', 'order', Date.now())).to.equal(undefined);
  });
});

/**
 * Two seats ordered, taken one after the other, paid and given back one after the other. Its
 * session is called `order`.
 */
function orderHistory(): RecordedEvent[] {
  const startMs = Date.UTC(2026, 4, 1);
  const sessionId = 'order';
  const time = new Date(startMs).toISOString();
  const order = { reservationId: orderReservationId('o1'), userId: 'u', currency: 'KRW' };
  const seat = (n: number) => ({
    reservationId: reservationId({ sessionId, seatId: `A-1-${n}`, ordinal: 1 }),
    userId: 'u',
  });
  const reserved = (n: number) => ({
    ...seat(n),
    price: 1,
    currency: 'KRW',
    expiresAt: time,
    orderId: 'o1',
  });
  const sections = [{ section: 'A', price: 1, rows: [{ row: '1', seats: [1, 2] }] }];
  const session = { sessionId, startsAt: time, salesOpenAt: time, currency: 'KRW', sections };
  const seats = [1, 2].map((n) => ({ seatId: `A-1-${n}`, price: 1 }));
  const on = (n: number) => seatStream(sessionId, `A-1-${n}`);
  const steps: [string, string, unknown][] = [
    [concertStream('oc'), 'ConcertRegistered', { title: 'Orders' }],
    [concertStream('oc'), 'SessionScheduled', session],
    [orderStream('o1'), 'OrderPlaced', { ...order, sessionId, seats, price: 2, expiresAt: time }],
    [on(1), 'SeatReserved', reserved(1)],
    [on(2), 'SeatReserved', reserved(2)],
    [orderStream('o1'), 'OrderConfirmed', {}],
    [orderStream('o1'), 'OrderPaid', { paymentId: 'pay.order.o1' }],
    [on(1), 'SeatSold', { ...seat(1), paymentId: 'pay.order.o1' }],
    [on(2), 'SeatSold', { ...seat(2), paymentId: 'pay.order.o1' }],
    [orderStream('o1'), 'OrderEnded', { reason: 'refunded' }],
    [on(1), 'SeatReleased', { ...seat(1), reason: 'refunded' }],
    [on(2), 'SeatReleased', { ...seat(2), reason: 'refunded' }],
  ];
  return steps.map(([stream, type, data], at) => ({
    id: `o${at}`,
    stream,
    type,
    data,
    metadata: { schemaVersion: 1 },
    revision: 0n,
    position: BigInt(100 * (at + 1)),
    createdMs: startMs + 10 * at,
  }));
}
