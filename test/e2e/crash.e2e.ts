import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { sharedEventStoreUrl } from '../support/servers.ts';
import { newTag } from '../support/tag.ts';
import { catalogFile, ofEachBuyer, sessionsOf, startBuyers, withToken } from './support/buyers.ts';
import { importCatalog } from './support/command-line.ts';
import { verifyOf } from './support/proof.ts';
import { Service } from './support/service.ts';

const concert = newTag('c');
const name = `${concert}-buyer`;

describe('kill -9 of the service under load', function () {
  this.timeout(120_000);
  let service: Service;
  before(async () => {
    service = await Service.start({ QUEUE_ADMITTED_MAX: '100', HOLD_SECONDS: '600' });
    await importCatalog(catalogFile(20, concert), { DATA_DIR: service.dataDir });
  });
  after(() => service.remove());

  it('loses no acknowledged reservation or payment, and the proof from the log holds', async () => {
    for (let i = 1; i <= 15; i++) await service.charge(`${name}-${i}`, 1_000_000, 'start');
    const buyers = startBuyers(service, { buyers: 15, sessions: sessionsOf(20, concert), name });
    const { reservations, payments, answers } = buyers.acknowledged;
    const someArePaid = async () => {
      const before = payments.size;
      await eventually('buyers pay', () => payments.size > before + 10);
    };
    for (let kill = 1; kill <= 3; kill++) {
      await someArePaid();
      await sleep(Math.random() * 500);
      await service.kill();
      await service.start();
    }
    await someArePaid();
    await buyers.stop();
    expect(answers.get('500') ?? 0).to.equal(0);

    await ofEachBuyer(payments, async (userId, reservationId) => {
      const paid = await withToken(service, userId, (token) =>
        service.pay(userId, token, reservationId),
      );
      expect([reservationId, paid.status]).to.deep.equal([reservationId, 200]);
    });
    await ofEachBuyer(reservations, async (userId, reservationId) => {
      if (payments.has(reservationId)) return;
      const [sessionId = '', seatId = ''] = reservationId.split('.');
      const again = await withToken(service, userId, (token) =>
        service.reserve(userId, token, concert, sessionId, seatId),
      );
      // Still held: the same reservation. Paid in the call that got no answer: taken, by this very
      // buyer.
      if (again.status === 200) expect(again.body.reservationId).to.equal(reservationId);
      else {
        const paid = await withToken(service, userId, (token) =>
          service.pay(userId, token, reservationId),
        );
        expect(paid.status).to.equal(200);
      }
    });

    const { eventStoreUrl } = await service.servers();
    const held = async () => {
      const ofEach = Array.from({ length: 15 }, (_, i) => service.balance(`${name}-${i + 1}`));
      return (await Promise.all(ofEach)).reduce((sum, balance) => sum + balance.held, 0);
    };
    await eventually(
      'every payment left half way is settled',
      async () => {
        const { ours, log } = await verifyOf(concert, { eventStoreUrl });
        const areSettled = sharedEventStoreUrl !== undefined || log.openPayments === 0;
        return ours.length === 0 && areSettled && (await held()) === 0;
      },
      20_000,
    );
    const readyz = () => service.readyz<{ projection: { lagSeconds: number } }>();
    const lag = async () => (await readyz()).body.projection.lagSeconds;
    await eventually('the read models are level with the log', async () => (await lag()) === 0);
  });
});
