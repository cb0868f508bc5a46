import { expect } from 'chai';
import pg from 'pg';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { catalogFile } from '../e2e/support/buyers.ts';
import { importCatalog } from '../e2e/support/command-line.ts';
import { Service } from '../e2e/support/service.ts';
import { eventually } from '../support/eventually.ts';
import { newTag } from '../support/tag.ts';
import { ofTag, readAudit } from './support/read-audit.ts';

const concert = newTag('c');

/**
 * What public services of this kind did under load, tried on a whole service over HTTP. The others
 * of the eight are in `races.int.ts` (a lock that ran out, a reservation paid twice) and
 * `holds-end.int.ts` (seats that nothing swept).
 */
describe('what went wrong in public services does not here', function () {
  this.timeout(120_000);
  let service: Service;
  /** Seats A-1-<n> that nobody has had yet. */
  let nextSeat = 1;
  before(async () => {
    service = await Service.start({
      QUEUE_ADMITTED_MAX: '100',
      QUEUE_AFTER_PAYMENT_SECONDS: '1',
      HELD_SEATS_MAX: '20',
    });
    await importCatalog(catalogFile(4, concert), { DATA_DIR: service.dataDir });
    await eventually('the catalog is there', async () => {
      const { body } = await service.call<{ concertId: string }[]>('GET', '/concert');
      return body.some(({ concertId }) => concertId === concert);
    });
  });
  after(() => service.remove());
  afterEach(async () => {
    const { eventStoreUrl } = await service.servers();
    const store = connectEventStore(eventStoreUrl);
    try {
      expect((await readAudit(store, ofTag(concert))).violations, 'the log').to.deep.equal([]);
    } finally {
      await store.close();
    }
  });

  /** A user with money, a token and so many reservations of 100 each. */
  async function buyer(who: string, seats: number) {
    const name = `${concert}-${who}`;
    await service.charge(name, 10_000, `start-${name}`);
    const token = await service.token(name);
    const ids: string[] = [];
    for (let n = 0; n < seats; n++) {
      const seat = `A-1-${((nextSeat - 1) % 25) + 1}`;
      const session = `${concert}-${Math.ceil(nextSeat / 25)}`;
      nextSeat += 1;
      const reserved = await service.reserve(name, token, concert, session, seat);
      expect(reserved.status, JSON.stringify(reserved.body)).to.equal(200);
      ids.push(reserved.body.reservationId);
    }
    return { name, token, ids };
  }

  it('five payments of one user at once debited one: here five are answered and five debited', async () => {
    const { name, token, ids } = await buyer('five', 5);
    const paid = await Promise.all(ids.map((id) => service.pay(name, token, id)));
    expect(paid.map(({ status }) => status)).to.deep.equal([200, 200, 200, 200, 200]);
    const balances = paid.map(({ body }) => body.balance).sort((a, b) => b - a);
    expect(balances).to.deep.equal([9_900, 9_800, 9_700, 9_600, 9_500]);
    expect(await service.balance(name)).to.include({ balance: 9_500 });
  });

  it('a reservation paid twice: here ten clicks are one payment with one answer', async () => {
    const { name, token, ids } = await buyer('clicker', 1);
    const [id = ''] = ids;
    const paid = await Promise.all(Array.from({ length: 10 }, () => service.pay(name, token, id)));
    expect(
      new Set(paid.map(({ status, body }) => `${status} ${JSON.stringify(body)}`)).size,
    ).to.equal(1);
    expect(paid[0]).to.have.nested.property('body.balance', 9_900);
    expect(await service.balance(name)).to.include({ balance: 9_900 });
  });

  it('a price taken from the client’s body: here it is the catalog’s or the body is refused', async () => {
    const { name, token, ids } = await buyer('cheap', 1);
    const headers = { AuthorizationWaiting: `Bearer ${token}` };
    const seat = { concertId: concert, sessionId: `${concert}-4`, seatId: 'B-1-25', userId: name };
    const reserved = await service.call<{ price?: number }>('POST', '/concert/reservation', {
      body: { ...seat, price: 1, amount: 1 },
      headers,
    });
    expect([70, undefined]).to.include(reserved.body.price);
    const paid = await service.call<{ amount?: number }>('POST', '/concert/payment', {
      body: { userId: name, reservationId: ids[0], price: 1, amount: 1 },
      headers,
    });
    expect([100, undefined]).to.include(paid.body.amount);
    expect([200, 400]).to.include(reserved.status).and.to.include(paid.status);
    const spent = paid.status === 200 ? 100 : 0;
    expect(await service.balance(name)).to.include({ balance: 10_000 - spent });
  });

  it('a transaction waiting for a second connection: here 20 payments need none, with every table locked', async () => {
    const buyers = await Promise.all([buyer('locked-1', 10), buyer('locked-2', 10)]);
    const { postgresUrl } = await service.servers();
    const client = new pg.Client({ connectionString: postgresUrl });
    client.on('error', () => {});
    await client.connect();
    try {
      // The projections have some of the tables while they write: of the two that wait for each
      // other PostgreSQL ends one.
      await eventually('every table is locked', async () => {
        await client.query('ROLLBACK');
        await client.query('BEGIN');
        await client.query(
          'LOCK TABLE payment, reservation, account, seat, session IN ACCESS EXCLUSIVE MODE',
        );
        return true;
      });
      const from = Date.now();
      const paid = await Promise.all(
        buyers.flatMap(({ name, token, ids }) => ids.map((id) => service.pay(name, token, id))),
      );
      expect(paid.map(({ status }) => status)).to.deep.equal(new Array(20).fill(200));
      expect(Date.now() - from, 'ms for all').to.be.lessThan(3_000);
    } finally {
      await client.query('ROLLBACK').catch(() => {});
      await client.end();
    }
  });

  it('one buyer’s payment ending the token of requests under way: here all of them are answered', async () => {
    const { name, token, ids } = await buyer('busy', 6);
    const answers = await Promise.all([
      ...ids.map((id) => service.pay(name, token, id)),
      ...ids.map((id) => service.pay(name, token, id)),
      ...Array.from({ length: 8 }, (_, n) =>
        service.reserve(name, token, concert, `${concert}-4`, `A-1-${n + 10}`),
      ),
    ]);
    expect(answers.map(({ status }) => status)).to.deep.equal(new Array(20).fill(200));
  });

  it('two users wanting one seat ended the process: here 60 do, one gets it, and the process lives', async () => {
    const { pid } = service;
    const users = Array.from({ length: 60 }, (_, n) => `${concert}-rush-${n}`);
    const tokens = await Promise.all(users.map((user) => service.token(user)));
    const answers = await Promise.all(
      users.map((user, n) =>
        service.reserve(user, tokens[n] ?? '', concert, `${concert}-4`, 'B-1-1'),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).to.deep.equal([200, ...new Array(59).fill(409)]);
    expect(answers.filter(({ body }) => body.code === 'seat-taken').length).to.equal(59);
    expect((await service.call('GET', '/livez')).status).to.equal(200);
    expect(service.pid).to.equal(pid);
    expect(service.output).to.not.match(/unhandled|uncaught/i);
  });
});
