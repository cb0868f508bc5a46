import { randomUUID } from 'node:crypto';
import { EventStoreDBClient } from '@eventstore/db-client';
import { expect } from 'chai';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { IdempotencyKeys } from '../../src/commands/idempotency/idempotency-keys.ts';
import { UnreadableEvent } from '../../src/events/codec.ts';
import { accountStream, requestStream, seatStream } from '../../src/events/streams.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { catalogOf, prices, salesOn } from './support/sale.ts';

/**
 * Somebody deletes or cuts a stream in the store, by hand or by a rule of it. A sold seat is no
 * free one then, and an account with money no new one: nothing is decided on what is left.
 */
describeWithOwnEventStore('streams that do not begin at their beginning', function () {
  this.timeout(60_000);
  let server: TestEventStore;
  let client: EventStoreDBClient;
  let store: EventStore;
  let sessionId: string;
  let commands = 0;

  before(async () => {
    server = await testEventStore();
    client = EventStoreDBClient.connectionString`${server.url}`;
    store = connectEventStore(server.url);
  });

  beforeEach(() => {
    sessionId = `s-${randomUUID().slice(0, 8)}`;
  });

  after(async () => {
    await store?.close();
    await client?.dispose();
    await server?.stop();
  });

  /** A service that remembers nothing. */
  const service = () => {
    const sales = salesOn(store, catalogOf([sessionId], 4), {});
    const context = () => {
      commands += 1;
      return { commandId: `command-${commands}` };
    };
    const seatIds = ['A-1-1'];
    return {
      charge: (userId: string, amount: number) =>
        sales.charge({ userId, chargeId: randomUUID(), amount, context: context() }),
      reserve: (userId: string) =>
        sales.reserve({ concertId: 'c1', sessionId, seatIds, userId, context: context() }),
      pay: (userId: string, reservationId: string) =>
        sales.pay({ userId, reservationId, context: context() }),
    };
  };
  const user = (name: string) => `${name}-${sessionId}`;
  const thrown = (attempt: Promise<unknown>) => attempt.catch((error: unknown) => error);
  const events = async (stream: string) => {
    const all = [];
    for await (const { type } of store.readStream(stream)) all.push(type);
    return all;
  };

  async function sellSeat(): Promise<string> {
    const { charge, reserve, pay } = service();
    for (const name of ['a', 'b']) await charge(user(name), prices.A);
    const held = await reserve(user('a'));
    if (!held.ok) throw new Error(held.refusal.detail);
    expect(await pay(user('a'), held.value.reservationId)).to.include({ ok: true });
    return seatStream(sessionId, 'A-1-1');
  }

  for (const [how, cut] of [
    ['deleted', (stream: string) => client.deleteStream(stream)],
    [
      'cut to its last event',
      (stream: string) => client.setStreamMetadata(stream, { maxCount: 1 }),
    ],
    ['truncated', (stream: string) => client.setStreamMetadata(stream, { truncateBefore: 1 })],
  ] as const) {
    it(`a sold seat that was ${how} is not sold again, and nobody's money is held for it`, async () => {
      await cut(await sellSeat());
      const { reserve, pay } = service();
      for (let attempt = 1; attempt <= 2; attempt += 1) {
        expect(await thrown(reserve(user('b')))).to.be.instanceOf(UnreadableEvent);
      }
      const id = `${sessionId}.A-1-1.1`;
      expect(await thrown(pay(user('b'), id))).to.be.instanceOf(UnreadableEvent);
      expect(await events(accountStream(user('b')))).to.deep.equal(['BalanceCharged']);
    });

    it(`an account that was ${how} is charged nothing`, async () => {
      const { charge } = service();
      for (const amount of [1_000, 2_000]) await charge(user('c'), amount);
      await cut(accountStream(user('c')));
      const anew = service();
      expect(await thrown(anew.charge(user('c'), 1))).to.be.instanceOf(UnreadableEvent);
      const error = (await thrown(anew.charge(user('c'), 1))) as Error;
      expect(error.message).to.match(/does not begin at its beginning|and had more/);
    });
  }

  it('a key whose stream was deleted is used up', async () => {
    const request = { keyHash: randomUUID(), fingerprint: 'f', context: { commandId: 'c' } };
    const answers = () => new IdempotencyKeys(store, Date.now);
    expect(await answers().start(request)).to.include({ ok: true });
    await client.deleteStream(requestStream(request.keyHash));
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      expect(await thrown(answers().start(request))).to.be.instanceOf(UnreadableEvent);
    }
    const other = { ...request, keyHash: randomUUID() };
    expect(await answers().start(other)).to.include({ ok: true });
  });
});
