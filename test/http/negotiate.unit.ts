import { expect } from 'chai';
import { takesGzip } from '../../src/http/negotiate.ts';
import { type Api, serveApi } from './support/api.ts';

describe('compressed lists', () => {
  let api: Api;
  beforeEach(async () => {
    api = await serveApi();
  });
  afterEach(() => api.stop());

  const list = (size: number, etag: string) => {
    const concert = { concertId: '1', title: 'x'.repeat(size), venue: null };
    const made = { body: Buffer.from(JSON.stringify([concert])), etag };
    api.fake.reads.concerts = async () => made;
    return made;
  };
  const get = (coding: string, tag?: string) =>
    fetch(`http://127.0.0.1:${api.port}/concert`, {
      headers: {
        'Accept-Encoding': coding,
        ...(tag === undefined ? {} : { 'If-None-Match': tag }),
      },
    });

  it('go to who takes gzip, with an ETag of their own; all say Vary', async () => {
    const { body } = list(5_000, '"v1"');
    const plain = await get('identity');
    const small = await get('gzip');
    expect(plain.headers.get('content-encoding')).to.equal(null);
    expect(small.headers.get('content-encoding')).to.equal('gzip');
    expect(Number(small.headers.get('content-length'))).to.be.below(200);
    expect([plain, small].map(({ headers }) => headers.get('etag'))).to.deep.equal([
      '"v1"',
      '"v1-gzip"',
    ]);
    expect([plain, small].map(({ headers }) => headers.get('vary'))).to.deep.equal([
      'Accept-Encoding',
      'Accept-Encoding',
    ]);
    expect(await small.text())
      .to.equal(String(body))
      .and.equal(await plain.text());
  });

  it('are 304 to their own ETag only', async () => {
    list(5_000, '"v1"');
    for (const [coding, tag, status] of [
      ['gzip', '"v1-gzip"', 304],
      ['gzip', '"v1"', 200],
      ['identity', '"v1"', 304],
      ['identity', '"v1-gzip"', 200],
      ['gzip', 'W/"x", "v1-gzip"', 304],
      ['identity', '*', 304],
    ] as const) {
      const reply = await get(coding, tag);
      await reply.arrayBuffer();
      expect(reply.status, `${coding} ${tag}`).to.equal(status);
      expect(reply.headers.get('vary')).to.equal('Accept-Encoding');
    }
  });

  it('are made again after a change, and not at all for small bodies', async () => {
    list(5_000, '"v1"');
    const first = await (await get('gzip')).text();
    list(6_000, '"v2"');
    const second = await get('gzip');
    expect(second.headers.get('etag')).to.equal('"v2-gzip"');
    expect((await second.text()).length - first.length).to.equal(1_000);
    list(100, '"v3"');
    const tiny = await get('gzip');
    expect([tiny.headers.get('content-encoding'), tiny.headers.get('etag')]).to.deep.equal([
      null,
      '"v3"',
    ]);
    await tiny.arrayBuffer();
  });

  it('are the same bytes for simultaneous callers', async () => {
    const { body } = list(200_000, '"v1"');
    const replies = await Promise.all(Array.from({ length: 20 }, () => get('gzip')));
    for (const reply of replies) expect((await reply.text()).length).to.equal(body.length);
  });

  it('takesGzip weighs what the client says', () => {
    for (const [header, takes] of [
      [undefined, false],
      ['', false],
      ['gzip', true],
      ['x-gzip', true],
      ['GZIP', true],
      ['gzip, deflate, br', true],
      ['br;q=1.0, gzip;q=0.8, *;q=0.1', true],
      ['gzip;q=0', false],
      ['gzip;q=0.0, *', false],
      ['*', true],
      ['*;q=0', false],
      ['deflate', false],
      ['identity, gzip;q=0.5', false],
      ['identity;q=0, gzip;q=0.1', true],
      ['gzip;q=nonsense', false],
    ] as const) {
      expect(takesGzip(header), String(header)).to.equal(takes);
    }
  });
});
