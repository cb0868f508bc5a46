import { expect } from 'chai';
import { EventStoreRefused, EventStoreUnavailable } from '../../src/commands/core/event-store.ts';
import type { RefusalCode } from '../../src/commands/core/result.ts';
import { ReadSideUnavailable } from '../../src/queries/read-side.ts';
import { QueueFull } from '../../src/queue/waiting-queue.ts';
import { QueueUnavailable } from '../../src/shared-state/queue-unavailable.ts';
import { type Api, bearer, bill, order, type Reply, serveApi } from './support/api.ts';

describe('refusals', () => {
  let api: Api;
  beforeEach(async () => {
    api = await serveApi();
  });
  afterEach(() => api.stop());

  const reserve = (headers: Record<string, string> = bearer(7), body: unknown = order) =>
    api.call('POST', '/concert/reservation', { headers, body });
  const pay = () => api.call('POST', '/concert/payment', { headers: bearer(7), body: bill });
  const charge = (amount: unknown = 5, key: string | null = 'k') =>
    api.call('POST', '/concert/balance', {
      headers: key === null ? {} : { 'Idempotency-Key': key },
      body: { userId: 7, amount },
    });
  const expectCode = (reply: Reply, status: number, code: string) =>
    expect([reply.status, reply.body?.code], reply.text).to.deep.equal([status, code]);

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

  describe('of fields name each field', () => {
    const fields = (reply: Reply) => {
      expectCode(reply, 400, 'invalid-request');
      return reply.body.errors.map(({ field }: { field: string }) => field);
    };

    it('of bodies', async () => {
      expect(fields(await reserve(bearer(7), {}))).to.have.members([
        'concertId',
        'sessionId',
        'userId',
      ]);
      const { seatId: _, ...seatless } = order;
      for (const seats of [{}, { seatId: 'A-1-1', seatIds: ['A-1-2'] }]) {
        expect(fields(await reserve(bearer(7), { ...seatless, ...seats }))).to.deep.equal([
          'seatId',
        ]);
      }
      for (const seatIds of [[], 'A-1-1', Array.from({ length: 17 }, (_, at) => at)]) {
        const reply = await reserve(bearer(7), { ...seatless, seatIds });
        expect(fields(reply)).to.deep.equal(['seatIds']);
      }
      for (const seatId of ['', 'a b', 'x'.repeat(65), -1, 1.5, 2 ** 60, null, [], {}, true]) {
        const reply = await reserve(bearer(7), { ...order, seatId });
        expect(fields(reply), JSON.stringify(seatId)).to.deep.equal(['seatId']);
      }
      for (const body of [[], 'text', 7, null, true]) {
        expect(fields(await reserve(bearer(7), JSON.stringify(body)))).to.deep.equal(['body']);
      }
      const payment = { userId: 7, reservationId: 'no-such-form' };
      const headers = bearer(7);
      const paid = await api.call('POST', '/concert/payment', { headers, body: payment });
      expect(fields(paid)).to.deep.equal(['reservationId']);
    });

    it('of amounts: whole, above 0, 10^12 at most', async () => {
      for (const amount of [0, -1, 0.5, 1e12 + 1, '5', null, [], 1e300]) {
        expect(fields(await charge(amount)), String(amount)).to.deep.equal(['amount']);
      }
      expect((await charge(1e12)).status).to.equal(200);
    });

    it('of queries, also when one is given twice', async () => {
      const paths = [
        '/concert/1/seat',
        '/concert/1/seat?sessionId=',
        '/concert/1/seat?sessionId=11&sessionId=12',
        '/concert/1/seat?sessionId[]=11',
        '/concert/1/seat?__proto__=1&constructor=2',
      ];
      for (const path of paths) {
        expect(fields(await api.call('GET', path)), path).to.deep.equal(['sessionId']);
      }
      expect(fields(await api.call('GET', '/concert/balance'))).to.deep.equal(['userId']);
      expect(fields(await api.call('GET', '/concert/a%20b/session'))).to.deep.equal(['concertId']);
    });

    it('of headers', async () => {
      expect(fields(await charge(5, null))).to.deep.equal(['Idempotency-Key']);
      for (const key of ['', 'k'.repeat(256), 'a, b']) {
        expect(fields(await charge(5, key)), key).to.deep.equal(['Idempotency-Key']);
      }
      expect((await charge(5, 'k'.repeat(255))).status).to.equal(200);
      const headers = { 'X-Min-Event-Position': 'soon' };
      const late = await api.call('GET', '/concert', { headers });
      expect(fields(late)).to.deep.equal(['X-Min-Event-Position']);
    });

    it('in words, with the rule that was broken', async () => {
      const reply = await reserve(bearer(7), { ...order, seatId: 'a b', userId: undefined });
      expect(reply.body.errors).to.deep.equal([
        { field: 'seatId', message: 'must be 1 to 64 of A-Z a-z 0-9 _ -' },
        { field: 'userId', message: 'is required' },
      ]);
    });

    it('in plain words, whatever comes', async () => {
      const messageOf = async (reply: Promise<Reply>) => {
        const { status, body } = await reply;
        expect(status).to.equal(400);
        expect(body.errors).to.have.lengthOf(1);
        return body.errors[0].message;
      };
      const seat = (seatId: unknown) => messageOf(reserve(bearer(7), { ...order, seatId }));
      const either = 'must be text, or must be a number';
      for (const seatId of [null, [], {}, true]) expect(await seat(seatId)).to.equal(either);
      const wholeNumber = 'must be a whole number from 0 to 2^53 − 1';
      for (const seatId of [-1, 1.5, 2 ** 60]) expect(await seat(seatId)).to.equal(wholeNumber);
      const { seatId: _, ...seatless } = order;
      for (const [seatIds, said] of [
        ['A-1-1', 'must be a list'],
        [[], 'must name a seat'],
        [Array.from({ length: 17 }, (_, at) => at), 'must name 16 seats at most'],
        [[{}], either],
      ]) {
        expect(await messageOf(reserve(bearer(7), { ...seatless, seatIds }))).to.equal(said);
      }
      expect(await messageOf(reserve(bearer(7), JSON.stringify([])))).to.equal(
        'must be a JSON object',
      );
      for (const amount of ['5', null, 0.5, 1e300]) {
        expect(await messageOf(charge(amount))).to.equal('must be a whole number');
      }
      const paid = { headers: bearer(7), body: { userId: 7, reservationId: 7 } };
      expect(await messageOf(api.call('POST', '/concert/payment', paid))).to.equal('must be text');
      const seats = '/concert/1/seat?sessionId=11';
      for (const other of ['false', '', '1', 'TRUE']) {
        expect(await messageOf(api.call('GET', `${seats}&available=${other}`))).to.equal(
          'must be true; omit it to include taken seats',
        );
      }
      const twice = '/concert/1/seat?sessionId=11&sessionId=12';
      expect(await messageOf(api.call('GET', twice))).to.equal('must be given once');
    });
  });

  describe('of bodies', () => {
    const send = (body: string | Buffer, headers: Record<string, string> = {}) =>
      api.call('POST', '/concert/reservation', { headers: { ...bearer(7), ...headers }, body });
    const good = JSON.stringify(order);

    it('400 for what is not JSON', async () => {
      for (const body of ['', '{', '{"a":}', 'NaN', "{'a':1}", '{"a":1}}', '['.repeat(9_999)]) {
        expectCode(await send(body), 400, 'malformed-json');
      }
    });

    it('400 for what is not UTF-8, also in a member that nobody reads', async () => {
      const latin1 = Buffer.from(good.replace('}', ',"note":"\xe9"}'), 'latin1');
      expectCode(await send(latin1), 400, 'malformed-json');
      const utf8 = Buffer.from(latin1.toString('latin1'));
      expect((await send(utf8)).status).to.equal(200);
    });

    it('415 for another type, charset or coding; a charset of utf-8 is fine', async () => {
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        '',
        'application/xml',
      ]) {
        expectCode(await send(good, { 'Content-Type': type }), 415, 'unsupported-media-type');
      }
      const latin = { 'Content-Type': 'application/json; charset=latin1' };
      expectCode(await send(good, latin), 415, 'unsupported-media-type');
      const gzip = { 'Content-Encoding': 'gzip' };
      expectCode(await send(good, gzip), 415, 'unsupported-media-type');
      for (const type of ['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
        expect((await send(good, { 'Content-Type': type })).status, type).to.equal(200);
      }
    });

    it('413 above 16 KiB, and the connection goes on when the rest was small', async () => {
      const fill = (length: number) => good.padEnd(length, ' ');
      expect((await send(fill(16 * 1024))).status).to.equal(200);
      expectCode(await send(fill(16 * 1024 + 1)), 413, 'body-too-large');
      const large = await send(fill(900_000));
      expectCode(large, 413, 'body-too-large');
      expect(large.headers.get('connection')).to.equal('keep-alive');
    });
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
