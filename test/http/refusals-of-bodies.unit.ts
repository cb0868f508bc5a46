import { expect } from 'chai';
import { type Api, bearer, order, type Reply, serveApi } from './support/api.ts';
import { expectCode, requestsTo } from './support/refusals.ts';

describe('refusals', () => {
  let api: Api;
  beforeEach(async () => {
    api = await serveApi();
  });
  afterEach(() => api.stop());

  const { reserve, charge } = requestsTo(() => api);

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
});
