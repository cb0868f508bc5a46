import { expect } from 'chai';
import { type Admin, serveAdmin } from '../metrics/support/admin.ts';
import { type Api, bearer, bill, serveApi } from './support/api.ts';

describe('queries that wait for the read side', () => {
  let api: Api;
  /** What `reached` was asked, as `[position, timeoutMs]`. */
  let asked: [bigint, number][];
  let show: (position: bigint) => void;

  beforeEach(async () => {
    api = await serveApi();
    asked = [];
    const { reads } = api.fake;
    let waiting: { position: bigint; resolve: (shown: boolean) => void }[] = [];
    reads.reached = (position, timeoutMs) => {
      asked.push([position, timeoutMs]);
      if (reads.shown >= position) return Promise.resolve(true);
      return new Promise((resolve) => waiting.push({ position, resolve }));
    };
    reads.balance = async (userId) => {
      const balance = Number(reads.shown);
      return { userId, balance, held: 0, currency: 'KRW' };
    };
    show = (position) => {
      reads.shown = position;
      for (const { position: wanted, resolve } of waiting) if (wanted <= position) resolve(true);
      waiting = waiting.filter((one) => one.position > position);
    };
  });
  afterEach(() => api.stop());

  const balance = (userId: string, headers: Record<string, string> = {}) =>
    api.call('GET', `/concert/balance?userId=${userId}`, { headers });

  /** Pays as user 7 while the read side stays where it is; answers the payment's position. */
  async function payUnseen(): Promise<bigint> {
    const before = api.fake.reads.shown;
    const paid = await api.call('POST', '/concert/payment', { headers: bearer(7), body: bill });
    api.fake.reads.shown = before;
    return BigInt(paid.headers.get('x-event-position') ?? '');
  }

  it('a user’s balance shows that user’s own last payment', async () => {
    const position = await payUnseen();
    let answered = false;
    const query = balance('7').finally(() => {
      answered = true;
    });
    // Somebody else's query is answered meanwhile: it waits for nothing.
    expect((await balance('8')).status).to.equal(200);
    expect(answered).to.equal(false);
    show(position);
    expect((await query).body.balance).to.equal(Number(position));
    expect(asked).to.deep.equal([[position, 2_000]]);
  });

  it('a refused payment is not waited for', async () => {
    api.fake.sales.pay = async () => ({
      ok: false,
      refusal: { code: 'hold-expired', detail: 'x' },
    });
    await api.call('POST', '/concert/payment', { headers: bearer(7), body: bill });
    expect((await balance('7')).status).to.equal(200);
    expect(asked).to.deep.equal([]);
  });

  it('so do the user’s own reservations', async () => {
    const position = await payUnseen();
    const queries = ['/concert/reservation?userId=7', '/concert/reservation/11.A-1-1.1?userId=7'];
    const replies = Promise.all(queries.map((path) => api.call('GET', path)));
    await balance('8');
    show(position);
    for (const { status } of await replies) expect(status).to.equal(200);
    expect(asked.map(([wanted]) => wanted)).to.deep.equal([position, position]);
  });

  it('waits for all that the log has when it is not known what the user did', async () => {
    const { ownPositions } = api.fake;
    ownPositions.of = async () => 'unknown';
    const end = await api.fake.logEnd();
    const query = balance('7');
    show(end ?? 0n);
    expect((await query).status).to.equal(200);
    expect(asked).to.deep.equal([[end, 2_000]]);
  });

  it('waits for the tables before it answers a command that other instances cannot be told of', async () => {
    api.fake.ownPositions.note = () => Promise.reject(new Error('Redis is gone'));
    const position = await payUnseen();
    expect(asked).to.deep.equal([[position, 2_000]]);
  });

  it('X-Min-Event-Position is waited for by every query, the later position counts', async () => {
    const own = await payUnseen();
    const later = own + 5n;
    const headers = { 'X-Min-Event-Position': String(later) };
    const paths = ['/concert', '/concert/1/session', '/concert/1/seat?sessionId=11'];
    const queries = [
      ...paths.map((path) => api.call('GET', path, { headers })),
      balance('7', headers),
    ];
    const shown = Promise.all(queries).then((replies) => replies.map(({ status }) => status));
    await balance('8');
    show(later);
    expect(await shown).to.deep.equal([200, 200, 200, 200]);
    expect(asked).to.deep.equal(Array.from({ length: 4 }, () => [later, 2_000]));
  });

  it('503 with Retry-After when the read side does not come in time', async () => {
    await payUnseen();
    api.fake.reads.reached = async () => false;
    const reply = await balance('7');
    expect([reply.status, reply.body.code]).to.deep.equal([503, 'read-side-behind']);
    expect(reply.headers.get('retry-after')).to.equal('1');
    const headers = { 'X-Min-Event-Position': '9'.repeat(19) };
    const list = await api.call('GET', '/concert', { headers });
    expect(list.body.code).to.equal('read-side-behind');
  });
});

describe('GET /readyz of the admin listener', () => {
  let api: Admin;
  beforeEach(async () => {
    api = await serveAdmin();
  });
  afterEach(() => api.stop());

  const readyz = async () => {
    const answer = await fetch(`${api.url}/readyz`);
    // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
    return { status: answer.status, body: (await answer.json()) as any };
  };

  it('is 200 with each dependency and the projection’s lag while all is well', async () => {
    Object.assign(api.fake.reads, { lagSeconds: 0.25, parkedEvents: 7, lagEvents: 3 });
    const seat = {
      name: 'seat',
      version: 1,
      position: '1000000000',
      behindEvents: 3,
      behindSeconds: 0.25,
      eventsPerSecond: 120,
      status: 'live',
      error: null,
      rebuiltAt: '2026-11-22T10:00:00.000Z',
    } as const;
    Object.assign(api.fake, { projections: async () => [seat] });
    const reply = await readyz();
    expect(reply.body).to.deep.equal({
      status: 'ready',
      dependencies: { eventStore: 'up', queue: 'up', postgres: 'up' },
      projection: {
        state: 'live',
        position: '1000000000',
        lagSeconds: 0.25,
        lagEvents: 3,
        stalledSeconds: 0,
        parkedEvents: 7,
        rowsWrong: 0,
      },
      clock: { state: 'agrees', skewSeconds: 0 },
      queue: {
        ...{ waiting: 0, there: 0, admitted: 0, places: 30, isPaused: false, warnings: [] },
        rooms: { gala: { waiting: 0, there: 0, admitted: 0, places: 1, isPaused: false } },
      },
      projections: [seat],
    });
  });

  it('leaves out the projections that PostgreSQL does not tell', async () => {
    Object.assign(api.fake, { projections: () => Promise.reject(new Error('away')) });
    expect((await readyz()).body).to.not.have.property('projections');
    Object.assign(api.fake, { projections: () => new Promise(() => {}) });
    expect((await readyz()).body).to.not.have.property('projections');
  });

  it('is 503 and says which dependency is down; /livez stays 200', async () => {
    Object.assign(api.fake.probes, {
      eventStore: async () => false,
      queue: () => Promise.reject(new Error('no')),
    });
    const reply = await readyz();
    expect([reply.status, reply.body.code]).to.deep.equal([503, 'not-ready']);
    const dependencies = { eventStore: 'down', queue: 'down', postgres: 'up' };
    expect(reply.body.dependencies).to.deep.equal(dependencies);
    expect(reply.body.detail).to.include('eventStore is down; queue is down');
    expect((await fetch(`${api.apiUrl}/livez`)).status).to.equal(200);
  });

  it('is 503 before the projection was live, when it is stopped, or behind without a move for 30 s', async () => {
    const { reads } = api.fake;
    for (const [state, lagSeconds, stalledSeconds, status] of [
      ['building', 0, 0, 503],
      ['catching-up', 0, 0, 503],
      ['stopped', 0, 0, 503],
      ['live', 31, 30, 503],
      ['live', 31, 29.9, 200],
      ['live', 3_600, 0.1, 200],
    ] as const) {
      Object.assign(reads, { state, lagSeconds, stalledSeconds });
      const reply = await readyz();
      expect(reply.status, `${state} ${stalledSeconds}`).to.equal(status);
      expect(reply.body.projection).to.include({ state, lagSeconds, stalledSeconds });
    }
  });
});

describe('GET /readyz of the API', () => {
  let api: Api;
  beforeEach(async () => {
    api = await serveApi();
  });
  afterEach(() => api.stop());

  it('says that it is ready, or degraded, and nothing more', async () => {
    expect((await api.call('GET', '/readyz')).body).to.deep.equal({ status: 'ready' });
    Object.assign(api.fake.probes, { postgres: async () => false });
    expect((await api.call('GET', '/readyz')).body).to.deep.equal({ status: 'degraded' });
  });

  it('is 503 when it cannot sell, and does not say why', async () => {
    Object.assign(api.fake.probes, { eventStore: async () => false });
    const { status, body, text } = await api.call('GET', '/readyz');
    expect([status, body.code]).to.deep.equal([503, 'not-ready']);
    expect(body).to.have.all.keys('type', 'title', 'status', 'detail', 'code', 'instance');
    expect(text).not.to.match(/eventStore|projection|position/);
  });
});
