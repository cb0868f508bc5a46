import { expect } from 'chai';
import { type Api, bearer, bill, serveApi } from './support/api.ts';
import { fakeApi } from './support/fake-api.ts';

const epoch = '0b0c6f0e-2f0f-4f0b-9d0c-0a8f0c9f5a01';

describe('a log that was restored', () => {
  let api: Api;
  let restored: string | undefined;
  let isClosed: boolean;

  beforeEach(async () => {
    restored = epoch;
    isClosed = false;
    api = await serveApi({
      ...fakeApi(),
      epoch: () => restored,
      isSaleClosed: () => isClosed,
    });
  });
  afterEach(() => api.stop());

  const pay = () => api.call('POST', '/concert/payment', { headers: bearer(7), body: bill });

  it('refuses commands until its sale is opened, and answers queries', async () => {
    isClosed = true;
    const commands = [
      pay(),
      api.call('POST', '/concert/reservation', {
        headers: bearer(7),
        body: { concertId: 1, sessionId: '11', seatId: 'A-1-1', userId: 7 },
      }),
      api.call('POST', '/concert/balance', {
        headers: { 'Idempotency-Key': 'k' },
        body: { userId: 7, amount: 1 },
      }),
      api.call('DELETE', '/concert/reservation/11.A-1-1.1?userId=7', { headers: bearer(7) }),
    ];
    for (const { status, body, headers } of await Promise.all(commands)) {
      expect([status, body.code]).to.deep.equal([503, 'sale-closed']);
      expect(headers.get('retry-after')).to.equal('60');
    }
    expect(api.fake.sales.contexts).to.deep.equal([]);
    expect((await api.call('GET', '/concert/1/session')).status).to.equal(200);
    expect((await api.call('GET', '/concert/balance?userId=7')).status).to.equal(200);
    isClosed = false;
    expect((await pay()).status).to.equal(200);
  });

  it('tells positions and ETags from those of the log of before', async () => {
    const position = (await pay()).headers.get('x-event-position');
    expect(position).to.match(/^\d+\.0b0c6f0e$/);
    const list = await api.call('GET', '/concert');
    const etag = list.headers.get('etag') ?? '';
    expect(etag).to.match(/-0b0c6f0e"$/);
    const again = (tag: string) =>
      api.call('GET', '/concert', { headers: { 'If-None-Match': tag } });
    expect((await again(etag)).status).to.equal(304);
    restored = undefined;
    const before = (await api.call('GET', '/concert')).headers.get('etag') ?? '';
    expect((await again(before)).status).to.equal(304);
    restored = epoch;
    expect((await again(before)).status).to.equal(200);
  });

  it('waits for its own positions, and for none of the log of before', async () => {
    const asked: bigint[] = [];
    const { reads } = api.fake;
    reads.reached = async (position) => {
      asked.push(position);
      return true;
    };
    for (const told of ['77.0b0c6f0e', '78', '79.1b0c6f0e']) {
      await api.call('GET', '/concert', { headers: { 'X-Min-Event-Position': told } });
    }
    restored = undefined;
    for (const told of ['80', '81.0b0c6f0e']) {
      await api.call('GET', '/concert', { headers: { 'X-Min-Event-Position': told } });
    }
    expect(asked).to.deep.equal([77n, 80n]);
    const wrong = { headers: { 'X-Min-Event-Position': '7.x' } };
    expect((await api.call('GET', '/concert', wrong)).status).to.equal(400);
  });

  it('begins a stream anew for who comes with an id of the log of before', async () => {
    const first = async (id?: string) => {
      const end = new AbortController();
      const response = await fetch(
        `http://127.0.0.1:${api.port}/concert/1/seat/stream?sessionId=11`,
        {
          headers: id === undefined ? {} : { 'Last-Event-ID': id },
          signal: end.signal,
        },
      );
      const reader = response.body?.getReader();
      let text = '';
      while (!/data: .*\n\n/.test(text))
        text += new TextDecoder().decode((await reader?.read())?.value);
      end.abort();
      return text;
    };
    expect(await first()).to.match(/id: \d+\.0b0c6f0e\nevent: version/);
    expect(await first('1')).to.match(/id: \d+\.0b0c6f0e\nevent: reset/);
    expect(await first('1.1b0c6f0e')).to.match(/event: reset/);
  });
});
