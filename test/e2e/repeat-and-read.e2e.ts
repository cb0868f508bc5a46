import { expect } from 'chai';
import { EventStream } from '../http/support/event-stream.ts';
import { testDatabase, testEventStore, testRedisUrl } from '../support/servers.ts';
import { newTag } from '../support/tag.ts';
import { catalogFile } from './support/buyers.ts';
import { importCatalog } from './support/command-line.ts';
import { Service } from './support/service.ts';

/** Write-then-read pairs; `WRITE_READ_PAIRS=10000` for the long form. */
const pairs = Number(process.env.WRITE_READ_PAIRS ?? 500);
const atOnce = 16;

const concert = newTag('c');
const u1 = `${concert}-u1`;
const u2 = `${concert}-u2`;
const u3 = `${concert}-u3`;
const u4 = `${concert}-u4`;

/**
 * Two services on one event store, PostgreSQL and Redis where the run has a Redis; else one, asked
 * twice.
 */
describe('the same request again, and one’s own writes, on whole services', function () {
  this.timeout(120_000 + pairs * 40);
  let first: Service;
  let second: Service;
  before(async () => {
    const shared = testRedisUrl === undefined ? undefined : await servers();
    const env = { HELD_SEATS_MAX: '50', QUEUE_ADMITTED_MAX: '100', ...shared };
    first = await Service.start(env);
    await importCatalog(catalogFile(2, concert), { DATA_DIR: first.dataDir, ...shared });
    second = shared === undefined ? first : await Service.start(env);
  });
  after(async () => {
    if (second !== first) await second?.remove();
    await first?.remove();
  });

  const keyed = (key: string, token: string) => ({
    'Idempotency-Key': key,
    AuthorizationWaiting: `Bearer ${token}`,
    'Content-Type': 'application/json',
  });

  /** What may not differ between an answer and its repetition. */
  async function ask(url: string, method: string, headers: Record<string, string>, body?: object) {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const reply = await fetch(url, { method, headers, ...sent });
    const names = ['content-type', 'content-length', 'x-event-position', 'retry-after'];
    const kept = names.map((name) => reply.headers.get(name));
    return { status: reply.status, answer: [reply.status, ...kept, await reply.text()] };
  }

  it('answers reservation, payment, charge and cancel byte for byte, after a kill, from anywhere', async () => {
    const token = await first.token(u1);
    const headers = keyed('k', token);
    const reservation = {
      concertId: concert,
      sessionId: `${concert}-1`,
      seatId: 'A-1-1',
      userId: u1,
    };
    const reservationId = `${concert}-1.A-1-1.1`;
    const asked = [
      ['POST', '/concert/balance', { userId: u1, amount: 1_000 }],
      ['POST', '/concert/reservation', reservation],
      ['POST', '/concert/payment', { userId: u1, reservationId }],
      ['DELETE', `/concert/reservation/${reservationId}?userId=${u1}`, undefined],
    ] as const;
    const askAll = async (service: Service) => {
      const answers = [];
      for (const [method, path, body] of asked) {
        const { status, answer } = await ask(service.url + path, method, headers, body);
        expect(status, path).to.equal(200);
        answers.push(answer);
      }
      return answers;
    };
    const given = await askAll(first);
    expect(await askAll(second)).to.deep.equal(given);
    await first.kill();
    await first.start();
    expect(await askAll(first), 'with the token of before').to.deep.equal(given);
    expect((await first.balance(u1)).balance, 'one charge, one refund').to.equal(1_000);
  });

  it('streams what happens to seats, to followers of any instance', async () => {
    const token = await first.token(u4);
    const url = `${second.url}/concert/${concert}/seat/stream?sessionId=${concert}-1`;
    const stream = await EventStream.open(url);
    await stream.take(1);
    const { body } = await first.reserve(u4, token, concert, `${concert}-1`, 'B-1-1');
    await stream.take(2);
    stream.close();
    await first.call('DELETE', `/concert/reservation/${body.reservationId}?userId=${u4}`);
    const again = await EventStream.open(url, stream.lastId);
    await again.take(1);
    again.close();
    expect([...stream.events.slice(1), ...again.events].map(({ data }) => data)).to.deep.equal([
      '{"seatId":"B-1-1","isAvailable":false}',
      '{"seatId":"B-1-1","isAvailable":true}',
    ]);
    const free = await second.call<{ seatList: { section: string }[] }>(
      'GET',
      `/concert/${concert}/seat?sessionId=${concert}-1&section=B&available=true`,
    );
    expect(free.body.seatList).to.have.length(25);
    expect(new Set(free.body.seatList.map(({ section }) => section))).to.deep.equal(new Set(['B']));
  });

  it('20 at once have one effect', async () => {
    const token = await first.token(u2);
    const headers = keyed('many', token);
    const body = { userId: u2, amount: 10 };
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        ask(`${(at % 2 === 0 ? first : second).url}/concert/balance`, 'POST', headers, body),
      ),
    );
    const statuses = new Set(replies.map(({ status }) => status));
    expect([...statuses].filter((status) => status !== 200 && status !== 409)).to.deep.equal([]);
    expect((await first.balance(u2)).balance).to.equal(10);
  });

  it(`shows users their own last command in ${pairs} pairs of a write and a read, none stale`, async () => {
    const stale: unknown[] = [];
    let late = 0;
    let done = 0;
    const user = async (userId: string) => {
      let balance = 0;
      while (done < pairs) {
        done += 1;
        const [here, there] = done % 2 === 0 ? [first, second] : [second, first];
        const charged = await here.charge(userId, 1, `${userId}-${done}`);
        expect(charged.status).to.equal(200);
        balance += 1;
        const shown = await there.call('GET', `/concert/balance?userId=${userId}`);
        // A read side that is late says so, and shows nothing old.
        if (shown.status !== 503 && shown.body.balance !== balance) {
          stale.push({ expected: balance, ...shown.body });
        }
        if (shown.status === 503) late += 1;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, (_, at) => user(`${concert}-pair-${at}`)));
    expect(stale).to.deep.equal([]);
    expect(late, 'answers of a read side that is late').to.be.at.most(pairs / 100);
  });

  it('shows own reservations at once: held, paid, given back, page by page', async () => {
    const token = await first.token(u3);
    await first.charge(u3, 1_000, 'k');
    const list = async (query = '') =>
      (
        await second.call<{ reservationId: string; status: string }[]>(
          'GET',
          `/concert/reservation?userId=${u3}${query}`,
        )
      ).body;
    for (let seat = 1; seat <= 5; seat += 1) {
      const { body } = await first.reserve(u3, token, concert, `${concert}-2`, `A-1-${seat}`);
      expect((await list())[0]).to.include({ reservationId: body.reservationId, status: 'held' });
    }
    const all = await list();
    expect(all).to.have.length(5);
    const page = await list('&limit=2');
    const next = await list(`&limit=2&before=${page.at(-1)?.reservationId}`);
    expect([...page, ...next]).to.deep.equal(all.slice(0, 4));
    expect(await list(`&before=${all.at(-1)?.reservationId}`)).to.deep.equal([]);

    const { reservationId } = all[0] as { reservationId: string };
    const path = `/concert/reservation/${reservationId}`;
    const show = async () => (await second.call('GET', `${path}?userId=${u3}`)).body;
    await first.pay(u3, token, reservationId);
    expect(await show()).to.include({ status: 'sold', paymentId: `pay.${reservationId}` });
    expect((await second.call('GET', `${path}?userId=${u1}`)).status).to.equal(403);
    expect((await first.call('DELETE', `${path}?userId=${u1}`)).status).to.equal(403);
    const given = await first.call('DELETE', `${path}?userId=${u3}`);
    expect(given.body).to.include({ status: 'refunded', refunded: 100 });
    expect(await show()).to.include({ status: 'released', releaseReason: 'refunded' });
    expect((await second.balance(u3)).balance).to.equal(1_000);
  });
});

/** An event store and a database for two services. They end with the test run. */
async function servers(): Promise<Record<string, string>> {
  const [eventStore, database] = await Promise.all([testEventStore(), testDatabase()]);
  return { EVENTSTORE_URL: eventStore.url, POSTGRES_URL: database.url };
}
