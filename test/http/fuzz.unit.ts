import { connect } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Api, bearer, bill, order, serveApi } from './support/api.ts';

/** Cases a property; FUZZ_RUNS raises it. */
const numRuns = Number(process.env.FUZZ_RUNS ?? 300);

/** Every `call` also fails when the OpenAPI document does not have the answer. */
describe('bad input is refused, never a 500', () => {
  let api: Api;
  before(async () => {
    api = await serveApi();
  });
  after('none of it was an unexpected error', async () => {
    await api.stop();
    const unexpected = api.fake.lines.filter((line) => JSON.parse(line).status === 500);
    expect(unexpected).to.deep.equal([]);
  });

  const posts = ['/concert/reservation', '/concert/payment', '/concert/balance'] as const;
  const headers = { ...bearer(7), 'Idempotency-Key': 'k' };
  const json = fc.jsonValue({ maxDepth: 3 });
  const hostileKey = fc.constantFrom('__proto__', 'constructor', 'toString', 'price', 'length', '');
  const field = fc.constantFrom(
    'concertId',
    'sessionId',
    'seatId',
    'userId',
    'reservationId',
    'amount',
  );
  const reply = { 200: 'application/json', 400: 'application/problem+json' } as const;

  const expectRefusedOrDone = (status: number, type: string | null, text: string) => {
    expect(status, text).to.be.below(500);
    if (status >= 400) expect(type, text).to.equal(reply[400]);
  };

  it('any JSON as a body', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...posts), json, async (path, body) => {
        const { status } = await api.call('POST', path, { headers, body: JSON.stringify(body) });
        expect(status).to.equal(400);
      }),
      { numRuns },
    );
  });

  it('good bodies in which fields were replaced, added or left out', async () => {
    const changes = fc.array(fc.tuple(fc.oneof(field, hostileKey), fc.option(json)), {
      maxLength: 3,
    });
    const good = { ...order, ...bill, amount: 5 };
    let key = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...posts), changes, async (path, changed) => {
        const members = new Map<string, unknown>(Object.entries(good));
        for (const [name, value] of changed) {
          if (value === null) members.delete(name);
          else members.set(name, value);
        }
        const text = Array.from(members, ([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`);
        const keyed = { ...headers, 'Idempotency-Key': `${key++}` };
        const done = await api.call('POST', path, { headers: keyed, body: `{${text.join()}}` });
        expect(done.status, done.text).to.be.oneOf([200, 400, 401, 403]);
      }),
      { numRuns },
    );
    expect(Object.keys(Object.prototype)).to.deep.equal([]);
  });

  it('any bytes as a body, of any type', async () => {
    const type = fc.constantFrom('application/json', 'application/json; charset=utf-16', 'text/x');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...posts),
        fc.uint8Array({ maxLength: 200 }),
        type,
        async (path, bytes, contentType) => {
          const response = await fetch(`http://127.0.0.1:${api.port}${path}`, {
            method: 'POST',
            headers: { ...headers, 'Content-Type': contentType },
            body: bytes,
          });
          const text = await response.text();
          expect(response.status, text).to.be.oneOf([400, 415]);
          expectRefusedOrDone(response.status, response.headers.get('content-type'), text);
        },
      ),
      { numRuns },
    );
  });

  it('any path, query and method', async () => {
    const piece = fc.oneof(
      fc.constantFrom('concert', 'seat', 'session', 'balance', 'waiting', 'status', '..', '%00'),
      fc.string({ maxLength: 8 }).map(encodeURIComponent),
      fc.constantFrom('%', '%zz', '%ff', '\\', ';a=b', '[', '"', '1'),
    );
    const query = fc.array(
      fc.tuple(
        fc.constantFrom('userId', 'sessionId', 'userId[]', '__proto__', '%'),
        fc.oneof(fc.string({ maxLength: 8 }).map(encodeURIComponent), fc.constant('%zz')),
      ),
      { maxLength: 4 },
    );
    const method = fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD');
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 4 }), query, method, async (path, q, verb) => {
        const url = `/${path.join('/')}?${q.map((pair) => pair.join('=')).join('&')}`;
        const response = await fetch(`http://127.0.0.1:${api.port}${url}`, { method: verb });
        const text = await response.text();
        expectRefusedOrDone(response.status, response.headers.get('content-type'), text);
      }),
      { numRuns },
    );
  });

  it('any header values', async () => {
    const value = fc.string({ maxLength: 40 }).map((text) => text.replaceAll(/[^\x20-\x7e]/g, '~'));
    const name = fc.constantFrom(
      'AuthorizationWaiting',
      'Idempotency-Key',
      'X-Min-Event-Position',
      'X-Request-Id',
      'traceparent',
      'If-None-Match',
      'Content-Type',
      'Content-Encoding',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...posts, '/concert', '/concert/balance?userId=1'),
        fc.dictionary(name, value, { noNullPrototype: true }),
        async (path, given) => {
          const isPost = (posts as readonly string[]).includes(path);
          const body = isPost ? { ...order, ...bill, amount: 5 } : undefined;
          const done = await api.call(isPost ? 'POST' : 'GET', path, { headers: given, body });
          // The read side of the test is at its position for ever: a later one is rightly a 503.
          if (done.status !== 503) expect(done.status, done.text).to.be.below(500);
          else expect(done.body.code).to.equal('read-side-behind');
        },
      ),
      { numRuns },
    );
  });

  it('any bytes on the wire', async () => {
    const start = fc.constantFrom('', 'GET ', 'POST /concert/balance HTTP/1.1\r\n', 'GET /livez ');
    await fc.assert(
      fc.asyncProperty(
        start,
        fc.uint8Array({ minLength: 1, maxLength: 100 }),
        async (head, tail) => {
          const answer = await exchange(
            api.port,
            Buffer.concat([Buffer.from(head, 'latin1'), tail]),
          );
          expect(answer).to.match(/^(HTTP\/1\.1 [24]\d\d |$)/);
        },
      ),
      { numRuns },
    );
    expect((await api.call('GET', '/livez')).status).to.equal(200);
  });
});

/** Sends bytes, says that no more come, and collects the answer until the connection ends. */
function exchange(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}
