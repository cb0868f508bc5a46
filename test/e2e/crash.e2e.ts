import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { verify } from '../../src/verify/verify.ts';
import { eventually } from '../support/servers.ts';
import { catalogFile, sessionsOf, startBuyers } from './support/buyers.ts';
import { importCatalog } from './support/command-line.ts';
import { Service } from './support/service.ts';

describe('kill -9 of the service under load', function () {
  this.timeout(120_000);
  let service: Service;
  before(async () => {
    service = await Service.start({ QUEUE_ADMITTED_MAX: '100', HOLD_SECONDS: '600' });
    await importCatalog(catalogFile(20), { DATA_DIR: service.dataDir });
  });
  after(() => service.remove());

  it('loses no acknowledged reservation or payment, and the proof from the log holds', async () => {
    for (let i = 1; i <= 30; i++) await service.charge(`buyer-${i}`, 1_000_000, 'start');
    const buyers = startBuyers(service, { buyers: 30, sessions: sessionsOf(20) });
    for (let kill = 1; kill <= 3; kill++) {
      await sleep(500 + Math.random() * 1_000);
      await service.kill();
      await service.start();
    }
    await sleep(500);
    await buyers.stop();
    const { reservations, payments, answers } = buyers.acknowledged;
    expect(payments.size, 'payments').to.be.greaterThan(20);
    expect(answers.get('500') ?? 0).to.equal(0);

    for (const [reservationId, userId] of payments) {
      const token = await service.token(userId);
      const paid = await service.pay(userId, token, reservationId);
      expect([reservationId, paid.status]).to.deep.equal([reservationId, 200]);
    }
    for (const [reservationId, userId] of reservations) {
      if (payments.has(reservationId)) continue;
      const [sessionId = '', seatId = ''] = reservationId.split('.');
      const token = await service.token(userId);
      const again = await service.reserve(userId, token, 'c1', sessionId, seatId);
      // Still held: the same reservation. Paid in the call that got no answer: taken, by this very buyer.
      if (again.status === 200) expect(again.body.reservationId).to.equal(reservationId);
      else expect((await service.pay(userId, token, reservationId)).status).to.equal(200);
    }

    const { eventStoreUrl } = await service.servers();
    await eventually(
      'every payment left half way is settled',
      async () => {
        const { violations, log } = await verify({ eventStoreUrl });
        return violations.total === 0 && log.openPayments === 0;
      },
      20_000,
    );
    const ready = await service.call<{ projection: { lagSeconds: number } }>('GET', '/readyz');
    expect(ready.body.projection.lagSeconds).to.equal(0);
  });
});
