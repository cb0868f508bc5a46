import { expect } from 'chai';
import { type Api, bearer, bill, order, serveApi } from './support/api.ts';

describe('the calls of the API', () => {
  let api: Api;
  beforeEach(async () => {
    api = await serveApi();
  });
  afterEach(() => api.stop());

  it('lists concerts, sessions and seats as the read side prepared them', async () => {
    const concerts = await api.call('GET', '/concert');
    expect(concerts.body).to.deep.equal([{ concertId: '1', title: 'Requiem', venue: 'Hall' }]);
    const sessions = await api.call('GET', '/concert/1/session');
    expect(sessions.body).to.have.length(1);
    expect(sessions.body[0]).to.include({ sessionId: '11', seatsAvailable: 1 });
    const seats = await api.call('GET', '/concert/1/seat?sessionId=11');
    expect(seats.body.seatList[0]).to.include({ seatId: 'A-1-1', isAvailable: true });
  });

  it('answers 304 to the ETag that a list came with, and 200 to another', async () => {
    const first = await api.call('GET', '/concert');
    const etag = first.headers.get('etag') ?? '';
    expect(first.headers.get('cache-control')).to.equal('no-cache');
    for (const tags of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const again = await api.call('GET', '/concert', { headers: { 'If-None-Match': tags } });
      expect(again.status, tags).to.equal(304);
      expect(again.text).to.equal('');
      expect(again.headers.get('etag')).to.equal(etag);
    }
    const other = await api.call('GET', '/concert', { headers: { 'If-None-Match': '"x"' } });
    expect(other.status).to.equal(200);
  });

  it('tells where a user stands in the queue', async () => {
    const admitted = await api.call('GET', '/concert/waiting/status?userId=7');
    expect(admitted.body).to.deep.equal({
      userId: '7',
      processing: true,
      token: 'token-7',
      ahead: 0,
      position: 0,
      estimatedWaitSeconds: 0,
      retryAfterMs: 0,
      expiresAt: '2027-01-15T08:00:00.000Z',
    });
    expect(admitted.headers.get('cache-control')).to.equal('no-store');
    const waiting = await api.call('GET', '/concert/waiting/status?userId=waiting-1');
    expect(waiting.body).to.include({ processing: false, position: 1 });
    expect(waiting.headers.get('retry-after'), 'whole seconds, not before').to.equal('2');
    expect(waiting.body).not.to.have.property('soldOut');
    api.fake.soldOut.add('');
    const soldOut = await api.call('GET', '/concert/waiting/status?userId=waiting-1');
    expect(soldOut.body).to.include({ processing: false, soldOut: true });
    api.fake.soldOut.delete('');
  });

  it('reserves, pays and charges, each with its event’s position', async () => {
    const reserved = await api.call('POST', '/concert/reservation', {
      headers: bearer(7),
      body: order,
    });
    expect(reserved.status).to.equal(200);
    expect(reserved.body).to.include({ reservationId: bill.reservationId, status: 'held' });
    const paid = await api.call('POST', '/concert/payment', { headers: bearer(7), body: bill });
    expect(paid.body).to.include({ paymentId: `pay.${bill.reservationId}`, amount: 100_000 });
    const charged = await api.call('POST', '/concert/balance', {
      headers: { 'Idempotency-Key': 'charge-1' },
      body: { userId: 7, amount: 500 },
    });
    expect(charged.body).to.include({ userId: '7', balance: 500 });
    const positions = [reserved, paid, charged].map(({ headers }) =>
      Number(headers.get('x-event-position')),
    );
    expect(positions).to.deep.equal([1_000_000_010, 1_000_000_020, 1_000_000_030]);
  });

  it('takes the end of the log for a position that is not known', async () => {
    const { sales } = api.fake;
    const { reserve } = sales;
    sales.reserve = async (command) => {
      const result = await reserve(command);
      return result.ok ? { ...result, position: null } : result;
    };
    const headers = bearer(7);
    const again = await api.call('POST', '/concert/reservation', { headers, body: order });
    expect(again.status).to.equal(200);
    const end = String(await api.fake.logEnd());
    expect(again.headers.get('x-event-position')).to.equal(end);
  });

  it('takes ids as whole numbers or strings and answers strings', async () => {
    const commands: unknown[] = [];
    const { reserve } = api.fake.sales;
    api.fake.sales.reserve = (command) => {
      const { context: _, ...rest } = command;
      commands.push(rest);
      return reserve(command);
    };
    for (const body of [order, { ...order, concertId: '1', sessionId: '11', userId: '7' }]) {
      await api.call('POST', '/concert/reservation', { headers: bearer(7), body });
    }
    const expected = { concertId: '1', sessionId: '11', seatIds: ['A-1-1'], userId: '7' };
    expect(commands).to.deep.equal([expected, expected]);
  });

  it('never hands a price, or anything else that it did not ask for, to the shop', async () => {
    const seen: object[] = [];
    const { reserve, pay } = api.fake.sales;
    api.fake.sales.reserve = (command) => {
      seen.push(command);
      return reserve(command);
    };
    api.fake.sales.pay = (command) => {
      seen.push(command);
      return pay(command);
    };
    const extras = '"price":1,"amount":1,"status":"sold","__proto__":{"price":1},"constructor":{}';
    const withExtras = (body: object) => `${JSON.stringify(body).slice(0, -1)},${extras}}`;
    for (const [path, body] of [
      ['/concert/reservation', { concertId: 1, sessionId: 11, seatIds: ['A-1-1'], userId: 7 }],
      ['/concert/payment', bill],
    ] as const) {
      const headers = bearer(7);
      const reply = await api.call('POST', path, { headers, body: withExtras(body) });
      expect(reply.status).to.equal(200);
      expect(seen.at(-1)).to.have.all.keys(...Object.keys(body), 'context');
      expect((seen.at(-1) as { price?: unknown }).price).to.equal(undefined);
    }
    expect(({} as { price?: unknown }).price).to.equal(undefined);
  });

  it('names a command after its user, call and key; without a key each is a new one', async () => {
    const key = { 'Idempotency-Key': 'k' };
    for (const [path, body, ...users] of [
      ['/concert/reservation', order, 7, 8],
      ['/concert/payment', bill, 7, 8],
      ['/concert/balance', { amount: 5 }, 7, 8],
    ] as const) {
      for (const userId of users) {
        const headers = { ...bearer(userId), ...key };
        await api.call('POST', path, { headers, body: { ...body, userId } });
      }
    }
    const cancelled = '/concert/reservation/11.A-1-1.1?userId=7';
    for (const headers of [key, {}, {}]) await api.call('DELETE', cancelled, { headers });
    const ids = api.fake.sales.contexts.map(({ commandId }) => commandId);
    expect(new Set(ids).size).to.equal(ids.length).and.equal(9);
    for (const id of ids) expect(id).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it('cancels without a token of the queue, for the owner by the shop’s word', async () => {
    const path = '/concert/reservation/11.A-1-1.1?userId=7';
    const cancelled = await api.call('DELETE', path);
    expect(cancelled.body).to.deep.equal({
      reservationId: '11.A-1-1.1',
      status: 'refunded',
      refunded: 100_000,
      currency: 'KRW',
    });
    expect(cancelled.headers.get('x-event-position')).to.equal('1000000010');
    const detail = 'somebody else’s';
    api.fake.sales.cancel = async () => ({
      ok: false,
      refusal: { code: 'reservation-not-yours', detail },
    });
    const refused = await api.call('DELETE', path);
    expect([refused.status, refused.body.detail]).to.deep.equal([403, detail]);
    const nothing = await api.call('DELETE', '/concert/reservation/11.A-1-1.1');
    expect(nothing.body.errors[0].field).to.equal('userId');
  });

  it('shows a user the own reservations, and nobody else’s', async () => {
    const own = await api.call('GET', '/concert/reservation/11.A-1-1.1?userId=7');
    expect(own.body).to.include({ reservationId: '11.A-1-1.1', status: 'held', price: 100_000 });
    const list = await api.call('GET', '/concert/reservation?userId=7');
    expect(list.body).to.deep.equal([own.body]);
    expect((await api.call('GET', '/concert/reservation?userId=8')).body).to.deep.equal([]);
    const foreign = await api.call('GET', '/concert/reservation/11.A-1-1.1?userId=8');
    expect([foreign.status, foreign.body.code]).to.deep.equal([403, 'reservation-not-yours']);
    const none = await api.call('GET', '/concert/reservation/11.A-1-9.1?userId=7');
    expect([none.status, none.body.code]).to.deep.equal([404, 'reservation-not-found']);
  });

  it('pages through reservations: a bounded limit, and those before the last one', async () => {
    const asked: unknown[][] = [];
    api.fake.reads.reservations = async (...how) => {
      asked.push(how);
      return [];
    };
    const list = (query: string) => api.call('GET', `/concert/reservation?userId=7${query}`);
    await list('');
    await list('&limit=100&before=order.a1');
    expect(asked).to.deep.equal([
      ['7', 100, undefined],
      ['7', 100, 'order.a1'],
    ]);
    for (const query of ['&limit=0', '&limit=101', '&limit=1e1', '&limit=', '&before=x']) {
      expect((await list(query)).status, query).to.equal(400);
    }
  });

  it('passes a well-formed request id and traceparent on, and replaces malformed ones', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const post = (headers: Record<string, string>) =>
      api.call('POST', '/concert/reservation', {
        headers: { ...bearer(7), ...headers },
        body: order,
      });
    const good = await post({ 'X-Request-Id': 'shop-42.a_b', traceparent });
    expect(good.headers.get('x-request-id')).to.equal('shop-42.a_b');
    const bad = await post({
      'X-Request-Id': 'a b/<script>',
      traceparent: traceparent.replace('00f067aa0ba902b7', '0'.repeat(16)),
    });
    const random = bad.headers.get('x-request-id');
    expect(random).to.match(/^[0-9a-f-]{36}$/);
    const [first, second] = api.fake.sales.contexts;
    expect(first).to.include({ correlationId: 'shop-42.a_b', traceparent });
    expect(second).to.have.all.keys('commandId', 'correlationId', 'deadlineMs');
    expect(second?.correlationId).to.equal(random);
  });

  it('shortens the place after a payment, and pays all the same when that fails or hangs', async () => {
    const pay = () => api.call('POST', '/concert/payment', { headers: bearer(7), body: bill });
    await pay();
    expect(api.fake.queue.shortened).to.deep.equal(['7']);
    api.fake.queue.shorten = () => Promise.reject(new Error('the queue is gone'));
    expect((await pay()).status).to.equal(200);
    expect(api.fake.lines.join()).to.include('the queue is gone');
    api.fake.queue.shorten = () => new Promise(() => {});
    expect((await pay()).status).to.equal(200);
  });

  it('does not shorten the place when the payment is refused', async () => {
    api.fake.sales.pay = async () => ({
      ok: false,
      refusal: { code: 'balance-too-small', detail: 'x' },
    });
    await api.call('POST', '/concert/payment', { headers: bearer(7), body: bill });
    expect(api.fake.queue.shortened).to.deep.equal([]);
  });

  it('renews the place by a reservation, for as long as it holds', async () => {
    await api.call('POST', '/concert/reservation', { headers: bearer(7), body: order });
    expect(api.fake.queue.renewed).to.deep.equal(['7']);
    api.fake.sales.reserve = async () => ({
      ok: false,
      refusal: { code: 'seat-taken', detail: 'x' },
    });
    await api.call('POST', '/concert/reservation', { headers: bearer(7), body: order });
    expect(api.fake.queue.renewed, 'not by one that is refused').to.deep.equal(['7']);
  });

  it('lets a held seat be paid without a place, and nothing else', async () => {
    const pay = () => api.call('POST', '/concert/payment', { headers: bearer(7), body: bill });
    for (const authorization of ['waiting', 'holding'] as const) {
      api.fake.queue.authorize = async () => authorization;
      api.fake.sales.holds = async ({ userId, reservationId }) =>
        userId === '7' && reservationId === bill.reservationId;
      expect((await pay()).status).to.equal(200);
      const reserving = { headers: bearer(7), body: order };
      const reserved = await api.call('POST', '/concert/reservation', reserving);
      expect(reserved.status).to.be.oneOf([401, 403]);
      api.fake.sales.holds = async () => false;
      expect((await pay()).status, 'what is not held').to.equal(reserved.status);
    }
    api.fake.sales.holds = async () => true;
    for (const [authorization, status] of [
      ['unknown', 401],
      ['not-yours', 403],
    ] as const) {
      api.fake.queue.authorize = async () => authorization;
      expect((await pay()).status, authorization).to.equal(status);
    }
  });

  it('enrols nobody who sends HEAD', async () => {
    api.fake.queue.poll = () => Promise.reject(new Error('polled'));
    const head = await api.call('HEAD', '/concert/waiting/status?userId=7');
    expect([head.status, head.headers.get('allow')]).to.deep.equal([405, 'GET, OPTIONS']);
  });

  it('answers HEAD like GET without a body, and OPTIONS with what a path takes', async () => {
    const head = await api.call('HEAD', '/concert/1/seat?sessionId=11');
    expect([head.status, head.text]).to.deep.equal([200, '']);
    expect(Number(head.headers.get('content-length'))).to.be.above(0);
    const options = await api.call('OPTIONS', '/concert/balance');
    expect(options.status).to.equal(204);
    expect(options.headers.get('allow')).to.equal('GET, POST, HEAD, OPTIONS');
  });

  it('names neither its maker nor a type to guess', async () => {
    const { headers } = await api.call('GET', '/livez');
    expect(headers.has('x-powered-by')).to.equal(false);
    expect(headers.get('x-content-type-options')).to.equal('nosniff');
  });
});
