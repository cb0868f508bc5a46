import { expect } from 'chai';
import { EventStoreRefused, EventStoreUnavailable } from '../../src/commands/core/event-store.ts';
import type { RefusalCode } from '../../src/commands/core/result.ts';
import { ReadSideUnavailable } from '../../src/queries/read-side.ts';
import { QueueFull } from '../../src/queue/waiting-queue.ts';
import { QueueUnavailable } from '../../src/shared-state/queue-unavailable.ts';
import { type Api, bearer, order, serveApi } from './support/api.ts';
import { expectCode, requestsTo } from './support/refusals.ts';

describe('refusals', () => {
  let api: Api;
  beforeEach(async () => {
    api = await serveApi();
  });
  afterEach(() => api.stop());

  const { reserve, pay, charge } = requestsTo(() => api);

  describe('of the shop keep their code', () => {
    const calls = { reserve, pay, charge } as const;
    const table: [keyof typeof calls, RefusalCode, number][] = [
      ['reserve', 'concert-not-found', 404],
      ['reserve', 'session-not-found', 404],
      ['reserve', 'seat-not-found', 404],
      ['reserve', 'sales-not-open', 403],
      ['reserve', 'seat-taken', 409],
      ['reserve', 'session-cancelled', 409],
      ['reserve', 'too-many-seats', 409],
      ['reserve', 'too-many-bought', 409],
      ['reserve', 'overloaded', 503],
      ['pay', 'reservation-not-found', 404],
      ['pay', 'reservation-not-yours', 403],
      ['pay', 'hold-expired', 409],
      ['pay', 'seat-taken', 409],
      ['pay', 'balance-too-small', 402],
      ['pay', 'overloaded', 503],
      ['charge', 'balance-too-large', 409],
      ['charge', 'idempotency-key-reused', 422],
      ['charge', 'overloaded', 503],
    ];
    for (const [method, code, status] of table) {
      it(`${method}: ${code} is ${status}`, async () => {
        const detail = 'the shop’s own words';
        api.fake.sales[method] = async () => ({ ok: false, refusal: { code, detail } });
        const reply = await calls[method]();
        expectCode(reply, status, code);
        expect(reply.body.detail).to.equal(detail);
        expect(reply.headers.get('retry-after')).to.equal(status === 503 ? '1' : null);
        expect(reply.headers.has('x-event-position')).to.equal(false);
      });
    }
  });

  it('of fair use say when to try again, where waiting helps', async () => {
    for (const code of ['too-many-seats', 'too-many-held', 'hold-again-later'] as const) {
      const refusal = { code, detail: 'later', retryAfterSeconds: 59 };
      api.fake.sales.reserve = async () => ({ ok: false, refusal });
      const reply = await reserve();
      expectCode(reply, 409, code);
      expect(reply.headers.get('retry-after')).to.equal('59');
      expect(reply.body.retryAfterSeconds).to.equal(59);
    }
  });

  it('of a body that gives a member twice names it, and nothing is done', async () => {
    let charges = 0;
    api.fake.sales.charge = async () => {
      charges += 1;
      return { ok: false, refusal: { code: 'overloaded', detail: '' } };
    };
    const send = (body: string) =>
      api.call('POST', '/concert/balance', { headers: { 'Idempotency-Key': 'k' }, body });
    for (const [body, field] of [
      ['{"userId":7,"amount":5,"userId":8}', 'userId'],
      ['{"userId":7,"amount":5,"more":[{"a":1},{"b":1,"\\u0062":2}]}', 'more.1.b'],
    ] as const) {
      const reply = await send(body);
      expectCode(reply, 400, 'invalid-request');
      expect(reply.body.errors).to.deep.equal([{ field, message: 'must be given once' }]);
    }
    expect(charges).to.equal(0);
    await send('{"userId":7,"amount":5,"more":[{"a":"\\"a\\":"},{"a":{"a":1}}]}');
    expect(charges).to.equal(1);
  });

  describe('of tokens', () => {
    it('401 without a token, with a malformed one and with an unknown one', async () => {
      const missing = await reserve({});
      expectCode(missing, 401, 'token-missing');
      expect(missing.headers.get('www-authenticate')).to.match(/^Bearer /);
      for (const value of ['Bearer nobody-gave-this', 'Basic token-7', 'token-7', 'Bearer a b']) {
        expectCode(await reserve({ AuthorizationWaiting: value }), 401, 'token-unknown');
      }
      const huge = { AuthorizationWaiting: `Bearer token-${'7'.repeat(300)}` };
      expectCode(await reserve(huge), 401, 'token-unknown');
    });

    it('403 while waiting and with another user’s token', async () => {
      const waits = { ...order, userId: 'waiting-1' };
      expectCode(await reserve(bearer('waiting-1'), waits), 403, 'not-admitted');
      expectCode(await reserve(bearer(8)), 403, 'token-not-yours');
    });

    it('say 400 first, and ask the shop nothing', async () => {
      expectCode(await reserve({}, { ...order, seatId: '' }), 400, 'invalid-request');
      await reserve({});
      expect(api.fake.sales.contexts).to.deep.equal([]);
    });

    it('never reach the log', async () => {
      api.fake.queue.authorize = () => Promise.reject(new Error('boom'));
      await reserve({ AuthorizationWaiting: 'Bearer secret-123' });
      await api.call('GET', '/concert/1/seat?sessionId=11&token=secret-123');
      expect(api.fake.lines.join()).to.include('boom').and.not.include('secret-123');
    });
  });

  it('that are expected are logged sampled by code, without a stack; bugs each with one', async () => {
    api.fake.reads.concerts = () => Promise.reject(new ReadSideUnavailable('PostgreSQL is away'));
    for (let n = 0; n < 20; n += 1) await api.call('GET', '/concert');
    const lines = () => api.fake.lines.filter((line) => JSON.parse(line).status >= 500);
    expect(lines()).to.have.lengthOf.within(1, 15);
    const [first = '{}'] = lines();
    expect(first).to.not.contain('    at ').and.not.contain('stack');
    expect(JSON.parse(first)).to.include({
      code: 'read-side-unavailable',
      why: 'PostgreSQL is away',
      count: 1,
    });
    api.fake.reads.concerts = () => Promise.reject(new TypeError('a bug'));
    const before = lines().length;
    for (let n = 0; n < 3; n += 1) await api.call('GET', '/concert');
    expect(lines()).to.have.lengthOf(before + 3);
    expect(lines().at(-1)).to.contain('stack');
  });

  describe('of dependencies that are down: 503 with Retry-After', () => {
    const down = (error: Error) => () => Promise.reject(error);

    it('the event store', async () => {
      api.fake.sales.reserve = down(new EventStoreUnavailable('no answer'));
      const reply = await reserve();
      expectCode(reply, 503, 'event-store-unavailable');
      expect(reply.headers.get('retry-after')).to.equal('1');
    });

    it('the event store when it says no, in its words', async () => {
      api.fake.sales.reserve = down(new EventStoreRefused('the stream is deleted for ever'));
      const reply = await reserve();
      expectCode(reply, 503, 'event-store-unavailable');
      expect(reply.headers.get('retry-after')).to.equal('1');
      expect(reply.body.detail).to.contain('the stream is deleted for ever');
    });

    it('the queue, down or full', async () => {
      const status = () => api.call('GET', '/concert/waiting/status?userId=1');
      api.fake.queue.poll = down(new QueueUnavailable('no answer'));
      expectCode(await status(), 503, 'queue-unavailable');
      api.fake.queue.poll = down(new QueueFull());
      const full = await status();
      expectCode(full, 503, 'queue-full');
      expect(full.headers.get('retry-after')).to.equal('10');
      api.fake.queue.authorize = down(new QueueUnavailable('no answer'));
      expectCode(await reserve(), 503, 'queue-unavailable');
    });

    it('the read side', async () => {
      const { reads } = api.fake;
      for (const method of ['concerts', 'sessions', 'seats', 'balance'] as const) {
        reads[method] = down(new ReadSideUnavailable('no answer'));
      }
      for (const path of [
        '/concert',
        '/concert/1/session',
        '/concert/1/seat?sessionId=11',
        '/concert/balance?userId=1',
      ]) {
        expectCode(await api.call('GET', path), 503, 'read-side-unavailable');
      }
    });
  });

  it('404 for an unknown concert, a session of another concert and an unknown path', async () => {
    expectCode(await api.call('GET', '/concert/2/session'), 404, 'concert-not-found');
    expectCode(await api.call('GET', '/concert/1/seat?sessionId=9'), 404, 'session-not-found');
    for (const path of ['/', '/concerts', '/Concert', '/concert/1', '/concert/1/seat/2', '//']) {
      expectCode(await api.call('GET', path), 404, 'path-not-found');
    }
  });

  it('405 with Allow for a known path with another method', async () => {
    const reply = await api.call('DELETE', '/concert/reservation');
    expectCode(reply, 405, 'method-not-allowed');
    expect(reply.headers.get('allow')).to.equal('POST, GET, HEAD, OPTIONS');
    expectCode(await api.call('GET', '/concert/payment'), 405, 'method-not-allowed');
  });

  it('400 for a path that cannot be decoded', async () => {
    expectCode(await api.call('GET', '/concert/%zz/session'), 400, 'malformed-url');
    expectCode(await api.call('GET', '/concert/%ff/seat?sessionId=1'), 400, 'malformed-url');
  });

  it('500 for a bug of ours: logged with the request’s id, answered without details', async () => {
    api.fake.sales.reserve = () => Promise.reject(new TypeError('the secret cause'));
    const reply = await reserve({ ...bearer(7), 'X-Request-Id': 'request-1' });
    expectCode(reply, 500, 'internal-error');
    expect(reply.text).to.not.include('secret cause');
    const line = api.fake.lines.map((text) => JSON.parse(text)).find(({ err }) => err);
    expect(line).to.include({ requestId: 'request-1', path: '/concert/reservation', status: 500 });
    expect(line.err.message).to.equal('the secret cause');
  });
});
