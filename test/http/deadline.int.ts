import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { requestMaxMs, requestOverMs } from '../../src/commands/core/deadline.ts';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { IdempotencyKeys } from '../../src/commands/idempotency/idempotency-keys.ts';
import type { HttpDeps } from '../../src/http/endpoint.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { catalogOf, salesOn } from '../correctness/support/sale.ts';
import { type TestEventStore, testEventStore } from '../support/servers.ts';
import { bearer } from './support/api.ts';
import { fakeApi } from './support/fake-api.ts';

const never = new Promise<never>(() => {});

/** What a client gets, and after how many milliseconds. */
async function timed(url: string, init: RequestInit = {}) {
  const from = performance.now();
  const response = await fetch(url, init);
  const tookMs = performance.now() - from;
  const text = await response.text();
  const body = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
  return { status: response.status, headers: response.headers, body, tookMs };
}

const post = (headers: Record<string, string>, body: object): RequestInit => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

describe('the deadline of a request', function () {
  this.timeout(60_000);
  let server: HttpServer | undefined;
  let url: string;

  const serve = async (fake: HttpDeps, timeouts = {}) => {
    server = createHttpServer(fake, timeouts);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  };
  afterEach(() => server?.close(0));

  describe('whatever it waits for', () => {
    it('answers 503 with Retry-After', async () => {
      const fake = fakeApi();
      fake.sales.charge = () => never;
      fake.reads.concerts = () => never;
      await serve(fake, { answerTimeoutMs: 100 });
      const charge = post({ 'Idempotency-Key': 'k' }, { userId: 1, amount: 1 });
      for (const late of [timed(`${url}/concert/balance`, charge), timed(`${url}/concert`)]) {
        const { status, headers, body, tookMs } = await late;
        expect({ status, code: body.code }).to.deep.equal({
          status: 503,
          code: 'no-answer-in-time',
        });
        expect(headers.get('retry-after')).to.equal('1');
        expect(tookMs).to.be.within(99, 1_000);
      }
    });

    it('logs no second answer when the work fails later, and lets go of a stream that comes too late', async () => {
      const fake = fakeApi();
      fake.sales.charge = async () => {
        await sleep(200);
        throw new TypeError('late');
      };
      const { seats } = fake.reads;
      fake.reads.seats = async (...asked) => {
        await sleep(200);
        return seats(...asked);
      };
      await serve(fake, { answerTimeoutMs: 100, seatStreamsMax: 1 });
      const stream = `${url}/concert/1/seat/stream?sessionId=11`;
      const charge = post({ 'Idempotency-Key': 'k' }, { userId: 1, amount: 1 });
      const late = await Promise.all([timed(stream), timed(`${url}/concert/balance`, charge)]);
      for (const { body } of late) expect(body.code).to.equal('no-answer-in-time');
      await sleep(200);
      fake.reads.seats = seats;
      const abort = new AbortController();
      const second = await fetch(stream, { signal: abort.signal });
      expect(second.status, 'the one stream that may be open is free').to.equal(200);
      abort.abort();
    });
  });

  describe('on an event store that takes 1.4 s for everything', () => {
    const slowMs = 1_400;
    const sessionId = `slow-${randomUUID().slice(0, 8)}`;
    const userId = `slow-${randomUUID().slice(0, 8)}`;
    let eventStore: TestEventStore;
    let store: EventStore;

    before(async () => {
      eventStore = await testEventStore({ faults: true });
      store = connectEventStore(eventStore.url);
      await store.head();
    });
    beforeEach(() => eventStore.fault?.({ kind: 'slow', ms: slowMs }));
    afterEach(() => eventStore.fault?.({ kind: 'clear' }));
    after(async () => {
      await store?.close();
      await eventStore.stop();
    });

    const seatIds = ['A-1-1', 'A-1-2', 'A-1-3', 'A-1-4'];

    /** When the log took the events of the order's seats. */
    const takenMs = async (): Promise<number[]> => {
      await eventStore.fault?.({ kind: 'clear' });
      const taken = [];
      for (const seatId of seatIds) {
        for await (const event of store.readStream(`seat-${sessionId}/${seatId}`)) {
          if (event.type === 'SeatReserved') taken.push(event.createdMs);
        }
      }
      return taken;
    };

    it('a command of many appends is answered 503 in time, and writes nothing once it is over', async () => {
      const sales = salesOn(store, catalogOf([sessionId], 10));
      await serve({
        ...fakeApi(),
        sales,
        idempotencyKeys: new IdempotencyKeys(store, Date.now),
      });
      const order = { concertId: 'c1', sessionId, seatIds, userId };
      const token = { ...bearer(userId), 'Idempotency-Key': 'many' };
      const startedMs = Date.now();
      const withoutDeadline = sales.reserve({
        ...{ concertId: 'c1', sessionId, userId: `${userId}-b` },
        seatIds: seatIds.map((seatId) => seatId.replace('A', 'B')),
        context: { commandId: randomUUID() },
      });
      const request = post(token, order);
      const { status, headers, body, tookMs } = await timed(`${url}/concert/reservation`, request);
      expect([status, body.code]).to.deep.equal([503, 'event-store-unavailable']);
      expect(headers.get('retry-after')).to.equal('1');
      expect(tookMs).to.be.lessThan(5_000);

      // Negative control: the same without a deadline goes on for longer, and by then so would this
      // one have.
      expect((await withoutDeadline).ok).to.equal(true);
      expect(Date.now() - startedMs).to.be.greaterThan(requestOverMs);
      expect(requestOverMs).to.be.greaterThan(requestMaxMs);
      await sleep(slowMs);
      const taken = await takenMs();
      expect(taken).to.have.length.within(1, 3);
      expect(Math.max(...taken)).to.be.lessThan(startedMs + requestOverMs);

      const again = await timed(`${url}/concert/reservation`, request);
      expect([again.status, again.body.seatIds]).to.deep.equal([200, seatIds]);
    });
  });

  it('on an event store that says nothing, every call is answered within 5 s', async () => {
    const eventStore = await testEventStore({ faults: true });
    const store = connectEventStore(eventStore.url);
    await store.head();
    await eventStore.fault?.({ kind: 'silent' });
    const sales = salesOn(store, catalogOf(['s1'], 10));
    const fake = fakeApi();
    await serve({
      ...fake,
      sales,
      idempotencyKeys: new IdempotencyKeys(store, Date.now),
      logEnd: () => store.head(),
      ownPositions: { note: async () => {}, of: async () => 'unknown' },
    });
    const seat = { concertId: 'c1', sessionId: 's1', seatId: 'A-1-1', userId: 7 };
    const held = { userId: 7, reservationId: 's1.A-1-1.1' };
    const key = { 'Idempotency-Key': 'k' };
    const calls = [
      timed(`${url}/concert/reservation`, post(bearer(7), seat)),
      timed(`${url}/concert/reservation`, post({ ...bearer(7), ...key }, seat)),
      timed(`${url}/concert/payment`, post(bearer(7), held)),
      timed(`${url}/concert/payment`, post({ ...bearer(7), ...key }, held)),
      timed(`${url}/concert/balance`, post(key, { userId: 7, amount: 1 })),
      timed(`${url}/concert/reservation/s1.A-1-1.1?userId=7`, { method: 'DELETE' }),
      timed(`${url}/concert/balance?userId=7`),
    ];
    for (const { status, headers, tookMs } of await Promise.all(calls)) {
      expect(status).to.equal(503);
      expect(headers.get('retry-after')).to.equal('1');
      expect(tookMs).to.be.lessThan(5_000);
    }
    await store.close();
    await eventStore.stop();
  });
});
