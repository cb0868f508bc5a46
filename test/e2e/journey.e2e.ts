import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { itWithOwnEventStore } from '../support/servers.ts';
import { newTag } from '../support/tag.ts';
import { catalogFile } from './support/buyers.ts';
import { importCatalog } from './support/command-line.ts';
import { Service } from './support/service.ts';

const concert = newTag('c');
const u1 = `${concert}-u1`;
const u2 = `${concert}-u2`;

describe('the journey', function () {
  this.timeout(90_000);
  let service: Service;
  before(async () => {
    service = await Service.start({ WARM_UP_MS: '' });
  });
  after(() => service.remove());

  const listed = (path: string) =>
    eventually(`${path} is there`, async () => {
      const { status, body } = await service.call('GET', path);
      return status === 200 && body;
    });

  // It is said where nothing is on sale yet.
  itWithOwnEventStore('begins with the command that puts something on sale in this service', () => {
    expect(service.output).to.contain(
      `\n  DATA_DIR=${service.dataDir} npx reprise catalog import examples/catalog.json  `,
    );
  });

  it('imports a catalog into the running service, once', async () => {
    const env = { DATA_DIR: service.dataDir };
    expect(await importCatalog(catalogFile(2, concert), env)).to.contain(
      '3 created, 0 changed, 0 unchanged',
    );
    expect(await importCatalog(catalogFile(2, concert), env)).to.contain(
      '0 created, 0 changed, 3 unchanged',
    );
    await listed(`/concert/${concert}/session`);
  });

  it('lists concerts, sessions and seats with their prices', async () => {
    const concerts = await service.call<{ concertId: string }[]>('GET', '/concert');
    const ours = concerts.body.filter(({ concertId }) => concertId === concert);
    expect(ours).to.have.length(1);
    expect(ours[0]).to.include({ concertId: concert, title: 'One' });
    const sessions = await service.call<unknown[]>('GET', `/concert/${concert}/session`);
    expect(sessions.body[0]).to.deep.equal({
      sessionId: `${concert}-1`,
      concertId: concert,
      startsAt: '2099-01-01T10:00:00.000Z',
      salesOpenAt: '2020-01-01T00:00:00.000Z',
      seatsTotal: 50,
      seatsAvailable: 50,
    });
    const seats = await service.call<{ seatList: unknown[] }>(
      'GET',
      `/concert/${concert}/seat?sessionId=${concert}-1`,
    );
    expect(seats.body.seatList).to.have.length(50);
    expect(seats.body.seatList[25]).to.deep.equal({
      seatId: 'B-1-1',
      section: 'B',
      row: '1',
      number: 1,
      price: 70,
      currency: 'KRW',
      isAvailable: true,
    });
  });

  it('charges once a key, reserves, pays, and shows the balance at once', async () => {
    expect((await service.charge(u1, 1_000, 'k1')).body.balance).to.equal(1_000);
    expect((await service.charge(u1, 1_000, 'k1')).body.balance).to.equal(1_000);
    const token = await service.token(u1);
    const reserved = await service.reserve(u1, token, concert, `${concert}-1`, 'A-1-1');
    expect(reserved.status).to.equal(200);
    expect(reserved.headers.get('x-event-position')).to.match(/^\d+$/);
    expect(reserved.body).to.include({
      reservationId: `${concert}-1.A-1-1.1`,
      status: 'held',
      price: 100,
      currency: 'KRW',
    });
    expect(reserved.body).to.have.deep.property('seatIds', ['A-1-1']);
    const again = await service.reserve(u1, token, concert, `${concert}-1`, 'A-1-1');
    expect(again.body).to.deep.equal(reserved.body);

    const paid = await service.pay(u1, token, `${concert}-1.A-1-1.1`);
    expect(paid.body).to.include({
      reservationId: `${concert}-1.A-1-1.1`,
      amount: 100,
      balance: 900,
    });
    expect((await service.balance(u1)).balance).to.equal(900);
    const paidAgain = await service.pay(u1, token, `${concert}-1.A-1-1.1`);
    expect(paidAgain.status).to.equal(200);
    expect(paidAgain.body).to.deep.equal(paid.body);
    await eventually(
      'nothing is held any more',
      async () => (await service.balance(u1)).held === 0,
    );
    expect((await service.balance(u1)).balance).to.equal(900);
    const seats = await service.call<{ seatList: { isAvailable: boolean }[] }>(
      'GET',
      `/concert/${concert}/seat?sessionId=${concert}-1`,
      { headers: { 'X-Min-Event-Position': paid.headers.get('x-event-position') ?? '' } },
    );
    expect(seats.body.seatList[0]?.isAvailable).to.equal(false);
  });

  it('refuses with a status and a code that say why', async () => {
    await service.charge(u2, 50, 'k1');
    const [one, two] = [await service.token(u1), await service.token(u2)];
    const refusals = [
      await service.reserve(u2, two, `${concert}-not`, `${concert}-1`, 'A-1-2'),
      await service.reserve(u2, two, concert, `${concert}-9`, 'A-1-2'),
      await service.reserve(u2, two, concert, `${concert}-1`, 'Z-1-2'),
      await service.reserve(u2, two, concert, `${concert}-1`, 'A-1-1'),
      await service.reserve(u2, one, concert, `${concert}-1`, 'A-1-2'),
      await service.reserve(u2, 'no-such-token', concert, `${concert}-1`, 'A-1-2'),
      await service.pay(u2, two, `${concert}-1.A-1-1.1`),
      await service.pay(u2, two, `${concert}-1.A-1-9.1`),
      await service.pay(u2, two, 'nonsense'),
    ];
    expect(refusals.map(({ status, body }) => [status, body.code])).to.deep.equal([
      [404, 'concert-not-found'],
      [404, 'session-not-found'],
      [404, 'seat-not-found'],
      [409, 'seat-taken'],
      [403, 'token-not-yours'],
      [401, 'token-unknown'],
      [403, 'reservation-not-yours'],
      [404, 'reservation-not-found'],
      [400, 'invalid-request'],
    ]);
    const reserved = await service.reserve(u2, two, concert, `${concert}-1`, 'A-1-2');
    const unpaid = await service.pay(u2, two, reserved.body.reservationId);
    expect([unpaid.status, unpaid.body.code]).to.deep.equal([402, 'balance-too-small']);
  });

  it('is ready, and finds everything again after Ctrl-C', async () => {
    const ready = await service.call('GET', '/readyz');
    expect(ready.status, JSON.stringify(ready.body)).to.equal(200);
    expect(await service.stop()).to.equal(0);
    await service.start();
    expect((await service.balance(u1)).balance).to.equal(900);
    const token = await service.token(u2);
    const taken = await service.reserve(u2, token, concert, `${concert}-1`, 'A-1-1');
    expect(taken.body.code).to.equal('seat-taken');
    const paidAgain = await service.pay(u1, await service.token(u1), `${concert}-1.A-1-1.1`);
    expect(paidAgain.body).to.include({ amount: 100, balance: 900 });
  });

  it('refuses a second service on the same data', async () => {
    const { reprise } = await import('./support/command-line.ts');
    const second = await reprise(['serve'], { DATA_DIR: service.dataDir, PORT: '0' });
    expect(second.code).to.equal(1);
    expect(second.stderr).to.contain('uses').and.contain('DATA_DIR');
  });
});
