import { expect } from 'chai';
import { EventStoreUnavailable } from '../../src/commands/core/event-store.ts';
import { runningMaxMs } from '../../src/commands/idempotency/decider.ts';
import { IdempotencyKeys } from '../../src/commands/idempotency/idempotency-keys.ts';
import { eventually } from '../support/eventually.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';
import { type Api, bearer, bill, order, type Reply, serveApi } from './support/api.ts';
import { fakeApi } from './support/fake-api.ts';

const calls = [
  ['POST', '/concert/reservation', order],
  ['POST', '/concert/payment', bill],
  ['POST', '/concert/balance', { userId: 7, amount: 500 }],
  ['DELETE', '/concert/reservation/11.A-1-1.1?userId=7', undefined],
] as const;

/**
 * What a repetition must have like the first answer: all but the request's own id, the date and the
 * sign of repetition.
 */
function answerOf({ status, headers, text }: Reply) {
  const own = ['x-request-id', 'date', 'idempotent-replayed', 'connection', 'keep-alive'];
  return [status, text, [...headers].filter(([name]) => !own.includes(name))];
}

describe('Idempotency-Key', () => {
  let store: MemoryEventStore;
  let now: number;
  let apis: Api[];
  let api: Api;
  beforeEach(async () => {
    store = new MemoryEventStore();
    now = Date.now();
    apis = [];
    api = await instance();
  });
  afterEach(() => Promise.all(apis.map((one) => one.stop())));

  /** A service of its own on the same log. */
  async function instance(): Promise<Api> {
    const fake = { ...fakeApi(), idempotencyKeys: new IdempotencyKeys(store, () => now) };
    const started = await serveApi(fake);
    apis.push(started);
    return started;
  }

  const ask = (
    on: Api,
    [method, path, body]: (typeof calls)[number],
    key: string | null = 'k',
    headers: Record<string, string> = bearer(7),
  ) => {
    const keyed = key === null ? headers : { ...headers, 'Idempotency-Key': key };
    return on.call(method, path, { headers: keyed, ...(body === undefined ? {} : { body }) });
  };
  const done = (on: Api = api) => on.fake.sales.contexts.length;

  for (const call of calls) {
    const name = `${call[0]} ${call[1]}`;

    it(`${name}: the same answer again, byte for byte, here and on another instance`, async () => {
      const first = await ask(api, call);
      expect(first.status).to.equal(200);
      expect(first.headers.has('idempotent-replayed')).to.equal(false);
      const other = await instance();
      for (const on of [api, other, api]) {
        const again = await ask(on, call);
        expect(answerOf(again)).to.deep.equal(answerOf(first));
        expect(again.headers.get('idempotent-replayed')).to.equal('true');
        expect(again.headers.get('x-request-id')).to.not.equal(first.headers.get('x-request-id'));
      }
      expect([done(), done(other)]).to.deep.equal([1, 0]);
    });

    it(`${name}: 20 at once on two instances have one effect`, async () => {
      const other = await instance();
      const replies = await Promise.all(
        Array.from({ length: 20 }, (_, at) => ask(at % 2 === 0 ? api : other, call)),
      );
      expect(done() + done(other)).to.equal(1);
      const answered = replies.filter(({ status }) => status === 200);
      expect(new Set(answered.map((reply) => JSON.stringify(answerOf(reply)))).size).to.equal(1);
      for (const reply of replies.filter(({ status }) => status !== 200)) {
        expect([reply.status, reply.body.code]).to.deep.equal([409, 'request-running']);
        expect(reply.headers.get('retry-after')).to.equal('1');
      }
    });
  }

  it('negative control: without a key the same request has an effect each time', async () => {
    for (const call of calls.filter(([, path]) => path !== '/concert/balance')) {
      const before = done();
      await Promise.all([ask(api, call, null), ask(api, call, null)]);
      expect(done() - before).to.equal(2);
    }
  });

  it('409 with Retry-After while the first is running, its answer afterwards', async () => {
    let finish = () => {};
    const { charge } = api.fake.sales;
    api.fake.sales.charge = async (command) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return charge(command);
    };
    const first = ask(api, calls[2]);
    await eventually('it runs', () => store.log.length === 1);
    const early = await ask(await instance(), calls[2]);
    expect(early.status).to.equal(409);
    expect(early.body.code).to.equal('request-running');
    expect(early.headers.get('retry-after')).to.equal('1');
    finish();
    const answered = await first;
    expect(answerOf(await ask(api, calls[2]))).to.deep.equal(answerOf(answered));
  });

  it('422 for the key with another body; members that are no fields, and forms of ids, are no difference', async () => {
    const first = await ask(api, ['POST', '/concert/balance', { userId: 7, amount: 500 }] as const);
    const same = { extra: 1, amount: 500, userId: '7' };
    const again = await api.call('POST', '/concert/balance', {
      headers: { 'Idempotency-Key': 'k' },
      body: same,
    });
    expect(answerOf(again)).to.deep.equal(answerOf(first));
    const other = await api.call('POST', '/concert/balance', {
      headers: { 'Idempotency-Key': 'k' },
      body: { userId: 7, amount: 501 },
    });
    expect([other.status, other.body.code]).to.deep.equal([422, 'idempotency-key-reused']);
    expect(done()).to.equal(1);
  });

  it('a key is of one user and one call', async () => {
    for (const call of calls) expect((await ask(api, call)).status).to.equal(200);
    const body = { userId: 8, amount: 1 };
    const headers = { 'Idempotency-Key': 'k' };
    expect((await api.call('POST', '/concert/balance', { headers, body })).status).to.equal(200);
    expect(done()).to.equal(5);
  });

  it('repeats refusals too: what was true then is the answer', async () => {
    const { pay } = api.fake.sales;
    const detail = 'x';
    const code = 'balance-too-small';
    api.fake.sales.pay = async () => ({ ok: false, refusal: { code, detail } });
    const first = await ask(api, calls[1]);
    expect(first.status).to.equal(402);
    api.fake.sales.pay = pay;
    expect(answerOf(await ask(api, calls[1]))).to.deep.equal(answerOf(first));
    expect((await ask(api, calls[1], 'a-new-key')).status).to.equal(200);
  });

  it('forgets after 24 hours', async () => {
    const first = await ask(api, calls[1]);
    now += 24 * 3_600_000 - 1;
    expect(answerOf(await ask(api, calls[1]))).to.deep.equal(answerOf(first));
    now += 1;
    const anew = await ask(api, calls[1]);
    expect(anew.headers.has('idempotent-replayed')).to.equal(false);
    expect(done()).to.equal(2);
  });

  it('a 5xx is not repeated: the key is free at once', async () => {
    const { pay } = api.fake.sales;
    for (const failure of [
      async () => ({ ok: false, refusal: { code: 'overloaded', detail: 'x' } }) as const,
      () => Promise.reject(new EventStoreUnavailable('gone')),
      () => Promise.reject(new TypeError('a bug')),
    ]) {
      api.fake.sales.pay = failure;
      expect((await ask(api, calls[1])).status).to.be.at.least(500);
    }
    api.fake.sales.pay = pay;
    expect((await ask(api, calls[1])).status).to.equal(200);
  });

  it('503 when the answer cannot be stored: no answer is given that would not be repeated', async () => {
    const append = store.append.bind(store);
    store.append = async (stream, expected, events) => {
      if (events[0]?.event.type === 'RequestAnswered') throw new EventStoreUnavailable('gone');
      return append(stream, expected, events);
    };
    expect((await ask(api, calls[1])).status).to.equal(503);
    store.append = append;
    expect((await ask(api, calls[1])).status).to.equal(200);
    expect(done(), 'the command recognises by state what it did').to.equal(2);
  });

  it('one that died is taken over once its time was over; when it lives after all, it gives the other’s answer', async () => {
    let finish = () => {};
    const { charge } = api.fake.sales;
    api.fake.sales.charge = async (command) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return charge(command);
    };
    const slow = ask(api, calls[2]);
    await eventually('it runs', () => store.log.length === 1);
    const other = await instance();
    now += runningMaxMs - 1;
    expect((await ask(other, calls[2])).status).to.equal(409);
    now += 1;
    const taken = await ask(other, calls[2]);
    expect(taken.status).to.equal(200);
    finish();
    expect(answerOf(await slow)).to.deep.equal(answerOf(taken));
  });

  it('tokens are judged first: nothing is started, and no stored answer is given, without one', async () => {
    for (const headers of [{}, { AuthorizationWaiting: 'Bearer nonsense' }, bearer(8)]) {
      const refused = await ask(api, calls[1], 'k', headers);
      expect(refused.status).to.be.oneOf([401, 403]);
    }
    expect(store.log).to.deep.equal([]);
    expect((await ask(api, calls[1])).status).to.equal(200);
    for (const headers of [{}, { AuthorizationWaiting: 'Bearer nonsense' }, bearer(8)]) {
      const refused = await ask(api, calls[1], 'k', headers);
      expect(refused.status).to.be.oneOf([401, 403]);
    }
  });

  it('a token whose place ended still gets the answer that it got, and nothing else', async () => {
    const first = await ask(api, calls[1]);
    const emptied = await instance();
    emptied.fake.queue.authorize = async () => 'unknown';
    expect(answerOf(await ask(emptied, calls[1]))).to.deep.equal(answerOf(first));
    expect((await ask(emptied, calls[1], 'new')).status).to.equal(401);
    expect((await ask(emptied, calls[0])).status).to.equal(401);
    const other = { AuthorizationWaiting: 'Bearer another' };
    expect((await ask(emptied, calls[1], 'k', other)).status).to.equal(401);
    const body = { ...bill, reservationId: '11.A-1-2.1' };
    const asked = ['POST', '/concert/payment', body] as (typeof calls)[1];
    expect((await ask(emptied, asked)).status).to.equal(401);
  });

  it('a user who waits again gets the answer, with the new token, and nothing else', async () => {
    const first = await ask(api, calls[1]);
    const waiting = await instance();
    waiting.fake.queue.authorize = async () => 'waiting';
    const headers = { AuthorizationWaiting: 'Bearer fresh' };
    expect(answerOf(await ask(waiting, calls[1], 'k', headers))).to.deep.equal(answerOf(first));
    expect((await ask(waiting, calls[1], 'new', headers)).status).to.equal(403);
    expect(done(waiting)).to.equal(0);
  });

  it('the place is shortened by the payment, not by its repetition', async () => {
    for (let at = 0; at < 3; at += 1) await ask(api, calls[1]);
    expect(api.fake.queue.shortened).to.deep.equal(['7']);
  });

  it('above the bound of an hour is 429, but for what was answered; another user’s is not', async () => {
    await api.stop();
    const fake = { ...fakeApi(), idempotencyKeys: new IdempotencyKeys(store, () => now) };
    api = await serveApi({ ...fake, idempotencyKeysMax: 2 });
    apis.push(api);
    const charge = calls[2];
    const statuses = [];
    for (const key of ['a', 'a', 'b', 'c', 'a']) {
      const { status, headers } = await ask(api, charge, key);
      statuses.push([status, headers.get('idempotent-replayed')]);
      if (status === 429) expect(Number(headers.get('retry-after'))).to.be.within(1, 3_600);
    }
    expect(statuses).to.deep.equal([
      [200, null],
      [200, 'true'],
      [200, null],
      [429, null],
      [200, 'true'],
    ]);
    const others = ['POST', '/concert/balance', { userId: 8, amount: 500 }] as never;
    expect((await ask(api, others, 'c')).status).to.equal(200);
  });

  it('of a DELETE of what never was leaves nothing in the log', async () => {
    const detail = 'no reservation 11.A-1-1.1';
    api.fake.sales.find = async () => ({
      ok: false,
      refusal: { code: 'reservation-not-found', detail },
    });
    for (const key of ['a', 'b', 'b']) {
      const { status, body } = await ask(api, calls[3], key);
      expect([status, body.code, body.detail]).to.deep.equal([
        404,
        'reservation-not-found',
        detail,
      ]);
    }
    expect(store.log).to.deep.equal([]);
    expect(done()).to.equal(0);
  });
});
