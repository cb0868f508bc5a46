import { expect } from 'chai';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { ReadSideUnavailable } from '../../src/queries/read-side.ts';
import { type FakeApi, fakeApi } from './support/fake-api.ts';

const path = '/concert/1/seat/stream?sessionId=11';

describe('GET /concert/{concertId}/seat/stream', () => {
  let fake: FakeApi;
  let server: HttpServer;
  let port: number;
  beforeEach(async () => {
    fake = fakeApi();
    await listen({});
  });
  afterEach(() => server.close(0));

  async function listen(limits: Parameters<typeof createHttpServer>[1]): Promise<void> {
    await server?.close(0);
    server = createHttpServer(fake, limits);
    port = await server.listen(0, '127.0.0.1');
  }

  const asEventSource = { Accept: 'text/event-stream' };
  const ask = (headers: Record<string, string> = asEventSource, of = path) =>
    fetch(`http://127.0.0.1:${port}${of}`, { headers });

  it('tells an EventSource what may pass in a stream, so that it comes back', async () => {
    await listen({ seatStreamsMax: 0 });
    const refused = await ask({});
    expect([refused.status, refused.headers.get('retry-after')]).to.deep.equal([503, '10']);
    const told = await ask();
    expect([told.status, told.headers.get('content-type')]).to.deep.equal([
      200,
      'text/event-stream',
    ]);
    const [retry, event, data] = (await told.text()).split('\n');
    expect(Number(retry?.replace('retry: ', ''))).to.be.within(5_000, 15_000);
    expect(event).to.equal('event: problem');
    const problem = JSON.parse(data?.replace('data: ', '') ?? '');
    expect(problem).to.include({ status: 503, code: 'too-many-streams' });
    fake.reads.seats = () => Promise.reject(new ReadSideUnavailable('away'));
    await listen({});
    expect(await (await ask()).text()).to.contain('read-side-unavailable');
    expect(fake.lines.some((line) => JSON.parse(line).code === 'read-side-unavailable')).to.equal(
      true,
    );
  });

  it('tells it of a session that there is not, and of a malformed request by status', async () => {
    const unknown = '/concert/1/seat/stream?sessionId=12';
    expect((await ask({}, unknown)).status).to.equal(404);
    const told = await ask(asEventSource, unknown);
    expect([told.status, (await told.text()).includes('session-not-found')]).to.deep.equal([
      200,
      true,
    ]);
    expect((await ask(asEventSource, '/concert/1/seat/stream')).status).to.equal(400);
  });

  it('names the ETag that the same client gets the list with, compressed or not', async () => {
    const body = Buffer.from(' '.repeat(5_000));
    fake.reads.seats = async () => ({ body, etag: '"v1"' });
    for (const coding of ['gzip', 'identity']) {
      const headers = { 'Accept-Encoding': coding };
      const list = await ask(headers, '/concert/1/seat?sessionId=11');
      await list.arrayBuffer();
      const abort = new AbortController();
      const url = `http://127.0.0.1:${port}${path}`;
      const reader = (await fetch(url, { headers, signal: abort.signal })).body?.getReader();
      const text = Buffer.from((await reader?.read())?.value ?? []).toString();
      abort.abort();
      expect(text, coding).to.contain(JSON.stringify({ etag: list.headers.get('etag') }));
    }
  });
});
