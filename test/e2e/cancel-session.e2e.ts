import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { newTag } from '../support/tag.ts';
import { catalogFile } from './support/buyers.ts';
import { importCatalog, reprise } from './support/command-line.ts';
import { Service } from './support/service.ts';

const concert = newTag('c');
const u1 = `${concert}-u1`;

describe('reprise catalog cancel', function () {
  this.timeout(120_000);
  let service: Service;
  before(async () => {
    service = await Service.start();
    await importCatalog(catalogFile(2, concert), { DATA_DIR: service.dataDir });
  });
  after(() => service.remove());

  it('gives every buyer of the session seat and money back, and leaves the other sessions alone', async () => {
    await service.charge(u1, 1_000, 'k');
    const token = await service.token(u1);
    const seats = [
      [`${concert}-1`, 'A-1-1'],
      [`${concert}-1`, 'A-1-2'],
      [`${concert}-2`, 'A-1-1'],
    ] as const;
    for (const [sessionId, seatId] of seats) {
      const { body } = await service.reserve(u1, token, concert, sessionId, seatId);
      if (seatId === 'A-1-1')
        expect((await service.pay(u1, token, body.reservationId)).status).to.equal(200);
    }
    expect((await service.balance(u1)).balance).to.equal(800);

    const env = { DATA_DIR: service.dataDir };
    const cancelled = await reprise(['catalog', 'cancel', `${concert}-1`], env);
    expect(cancelled.stdout + cancelled.stderr).to.contain(
      'cancelled; 50 seats checked, 2 given back',
    );
    expect(cancelled.code).to.equal(0);
    await eventually('the refund shows', async () => (await service.balance(u1)).balance === 900);
    const again = await reprise(['catalog', 'cancel', `${concert}-1`], env);
    expect(again.stdout).to.contain('cancelled; 50 seats checked, 0 given back');
    expect((await service.balance(u1)).balance, 'refunded once').to.equal(900);

    const sessions = await service.call<object[]>('GET', `/concert/${concert}/session`);
    expect(sessions.body[0]).to.include({
      sessionId: `${concert}-1`,
      seatsAvailable: 0,
      isCancelled: true,
    });
    expect(sessions.body[1]).to.include({ sessionId: `${concert}-2`, seatsAvailable: 49 });
    const seatMap = await service.call<{ seatList: { isAvailable: boolean }[] }>(
      'GET',
      `/concert/${concert}/seat?sessionId=${concert}-1`,
    );
    expect(seatMap.body.seatList).to.have.length(50);
    expect(seatMap.body.seatList.some((seat) => seat.isAvailable)).to.equal(false);

    // Paying left the place a few seconds only.
    const renewed = await service.token(u1);
    const refused = await service.reserve(u1, renewed, concert, `${concert}-1`, 'A-1-3');
    expect(refused.body.code).to.equal('session-cancelled');
    const other = await service.reserve(u1, renewed, concert, `${concert}-2`, 'A-1-3');
    expect(other.status).to.equal(200);
  });

  it('ends, however many seats nobody has had', async () => {
    const seats = 5_000;
    const { concerts } = catalogFile(1, newTag('large'));
    const large = concerts.map((one) => ({
      ...one,
      sessions: one.sessions.map((session) => ({
        ...session,
        seatMap: [{ section: 'A', price: 100, rows: [{ row: '1', seats }] }],
      })),
    }));
    const env = { DATA_DIR: service.dataDir };
    await importCatalog({ concerts: large }, env);
    const { code, stdout } = await reprise(['catalog', 'cancel', `${large[0]?.concertId}-1`], env);
    expect(stdout).to.contain(`cancelled; ${seats} seats checked, 0 given back`);
    expect(code).to.equal(0);
  });

  it('says that there is no such session', async () => {
    const { code, stderr } = await reprise(['catalog', 'cancel', `${concert}-9`], {
      DATA_DIR: service.dataDir,
    });
    expect([code, stderr.trim()]).to.deep.equal([1, `reprise: there is no session ${concert}-9`]);
  });
});
