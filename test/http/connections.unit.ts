import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { expect } from 'chai';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { eventually } from '../support/eventually.ts';
import { type Api, bearer, order, serveApi } from './support/api.ts';
import { fakeApi } from './support/fake-api.ts';
import { expectRawProblem, open, raw } from './support/wire.ts';

describe('HTTP on the wire', () => {
  let api: Api;
  beforeEach(async () => {
    api = await serveApi();
  });
  afterEach(() => api.stop());

  it('answers many requests on one connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    for (let at = 0; at < 5; at++) {
      const request = get({ port: api.port, host: '127.0.0.1', path: '/livez', agent });
      const [response] = await once(request, 'response');
      sockets.add(response.socket);
      expect(response.headers['keep-alive']).to.equal('timeout=75');
      response.resume();
      await once(response, 'end');
    }
    agent.destroy();
    expect(sockets.size).to.equal(1);
  });

  it('answers pipelined requests in order', async () => {
    const requests = ['/livez', '/concert', '/nope'].map((path, at) => {
      const last = at === 2 ? 'Connection: close\r\n' : '';
      return `GET ${path} HTTP/1.1\r\nHost: x\r\n${last}\r\n`;
    });
    const { socket, text, ended } = open(api.port);
    socket.write(requests.join(''));
    await ended;
    const statuses = [...text().matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status);
    expect(statuses).to.deep.equal(['200', '200', '404']);
  });

  const broken: readonly (readonly [name: string, bytes: string | Buffer])[] = [
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['bytes of TLS', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03])],
    ['an unknown method', 'FROB / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['an unknown version', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'],
    ['a malformed header line', 'GET / HTTP/1.1\r\nHost x\r\n\r\n'],
    ['a header with a control character', 'GET / HTTP/1.1\r\nHost: a\x01b\r\n\r\n'],
    ['a malformed Content-Length', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n'],
    [
      'two lengths at once',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['no Host', 'GET /livez HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET /livez HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n'],
    ['HTTP/0.9', 'GET /livez\r\n\r\n'],
    ['HTTP/2.0 in a request line', 'GET /livez HTTP/2.0\r\nHost: x\r\n\r\n'],
    [
      'a transfer coding beside chunked',
      'POST /concert/balance HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'a transfer coding in HTTP/1.0',
      'POST /concert/balance HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
  ];
  for (const [name, bytes] of broken) {
    it(`400 for ${name}`, async () => {
      expectRawProblem(await raw(api.port, bytes), 400, 'malformed-http');
    });
  }

  it('400 for a body of broken chunks', async () => {
    const head = `POST /concert/reservation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expectRawProblem(await raw(api.port, `${head}zz\r\n{}\r\n0\r\n\r\n`), 400, 'malformed-http');
  });

  it('431 for headers above 16 KiB', async () => {
    const huge = `GET /livez HTTP/1.1\r\nHost: x\r\nX-Huge: ${'x'.repeat(20_000)}\r\n\r\n`;
    expectRawProblem(await raw(api.port, huge), 431, 'headers-too-large');
  });

  it('413 at once for a body announced as enormous, and for one that grows too large', async () => {
    const head =
      'POST /concert/reservation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
    const announced = await raw(api.port, `${head}Content-Length: 1000000000\r\n\r\n{`);
    expectRawProblem(announced, 413, 'body-too-large');
    const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`;
    const grown = await raw(api.port, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`);
    expectRawProblem(grown, 413, 'body-too-large');
  });

  it('417 for an expectation other than 100-continue, 501 for CONNECT', async () => {
    const expectation =
      'GET /livez HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nConnection: close\r\n\r\n';
    expectRawProblem(await raw(api.port, expectation), 417, 'expectation-failed');
    const tunnel = await raw(api.port, 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
    expectRawProblem(tunnel, 501, 'method-not-implemented');
  });

  it('404 for URLs that name no path: *, another server’s, unparsable ones', async () => {
    for (const url of ['*', 'http://other/x', '/\\', 'http://a:99999/']) {
      const method = url === '*' ? 'OPTIONS' : 'GET';
      const reply = await raw(
        api.port,
        `${method} ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      );
      expectRawProblem(reply, 404, 'path-not-found');
    }
  });

  it('answers a request that would like to upgrade as what it is', async () => {
    const upgrade =
      'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n';
    expect((await raw(api.port, upgrade)).status).to.equal(200);
  });

  it('answers HTTP/1.0 without a Host', async () => {
    const reply = await raw(api.port, 'GET /livez HTTP/1.0\r\n\r\n');
    expect([reply.status, reply.body]).to.deep.equal([200, '{"status":"alive"}']);
  });

  it('answers what is under way before it ends a connection on which garbage follows', async () => {
    const { reserve } = api.fake.sales;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    api.fake.sales.reserve = async (command) => {
      const result = await reserve(command);
      await held;
      return result;
    };
    const body = JSON.stringify(order);
    const head = `POST /concert/reservation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorizationWaiting: Bearer token-7\r\nContent-Length: ${body.length}`;
    const { socket, text, ended } = open(api.port);
    socket.write(`${head}\r\n\r\n${body}\x00garbage\r\n\r\n`);
    await eventually('it is under way', () => api.fake.sales.contexts.length === 1);
    socket.write('more of it');
    await api.call('GET', '/livez');
    release();
    await ended;
    expect(text()).to.match(/^HTTP\/1\.1 200 /);
    expect(text()).to.match(/^connection: close$/im);
    expect(text().match(/HTTP\/1\.1/g)).to.have.lengthOf(1);
  });

  it('a slash at the end is another path, whatever the method', async () => {
    for (const path of ['/concert/reservation/', '/concert/balance/', '/livez/']) {
      const options = { headers: bearer(7), body: order };
      expect((await api.call('POST', path, options)).status, path).to.equal(404);
      expect((await api.call('GET', path)).status, path).to.equal(404);
    }
  });

  it('survives a client that goes away in the middle of its body', async () => {
    const { socket, ended } = open(api.port);
    socket.write(
      'POST /concert/reservation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    );
    socket.end();
    await ended;
    expect((await api.call('GET', '/livez')).status).to.equal(200);
    expect(api.fake.lines.filter((line) => JSON.parse(line).status === 500)).to.deep.equal([]);
  });
});

describe('connections on which too little comes', () => {
  const second = 1_000;
  const patient = {
    headersTimeoutMs: 60 * second,
    requestTimeoutMs: 60 * second,
    keepAliveTimeoutMs: 60 * second,
    silenceTimeoutMs: 60 * second,
    timeoutCheckMs: 20,
  };
  let server: HttpServer;
  const listen = (timeouts: Partial<typeof patient>) => {
    server = createHttpServer(fakeApi(), { ...patient, ...timeouts });
    return server.listen(0, '127.0.0.1');
  };
  afterEach(() => server.close(0));

  it('get a 408 while their headers are late', async () => {
    const port = await listen({ headersTimeoutMs: 50 });
    const reply = await raw(port, 'GET /livez HTTP/1.1\r\nHost: x\r\n');
    expectRawProblem(reply, 408, 'request-timeout');
  });

  it('get a 408 while their body is late', async () => {
    const port = await listen({ headersTimeoutMs: 50, requestTimeoutMs: 50 });
    const head = 'POST /concert/balance HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
    const reply = await raw(port, `${head}Content-Length: 10\r\n\r\n{`);
    expectRawProblem(reply, 408, 'request-timeout');
  });

  it('end when they are idle for too long, before or after a request', async () => {
    const port = await listen({ keepAliveTimeoutMs: 50, silenceTimeoutMs: 50 });
    expect((await raw(port, '')).head).to.equal('');
    expect((await raw(port, 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')).status).to.equal(200);
  });
});
