import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { catalogFile, sessionsOf, startBuyers } from './support/buyers.ts';
import { importCatalog } from './support/command-line.ts';
import { Service } from './support/service.ts';

describeWithOwnEventStore('the event store killed and restarted under load', function () {
  this.timeout(120_000);
  let store: TestEventStore;
  let service: Service;
  before(async () => {
    store = await testEventStore();
    service = await Service.start({ EVENTSTORE_URL: store.url, QUEUE_ADMITTED_MAX: '100' });
    await importCatalog(catalogFile(20), { EVENTSTORE_URL: store.url });
  });
  after(async () => {
    await service?.remove();
    await store.stop();
  });

  it('answers 503 within 5 s meanwhile and works again within 5 s after', async () => {
    for (let i = 1; i <= 20; i++) await service.charge(`buyer-${i}`, 1_000_000, 'start');
    const buyers = startBuyers(service, { buyers: 20, sessions: sessionsOf(20) });
    await eventually('buyers pay', () => buyers.acknowledged.payments.size > 20);
    await store.kill?.();
    await sleep(200);

    const from = Date.now();
    const meanwhile = await service.charge('u1', 10, 'meanwhile');
    expect(meanwhile.status).to.equal(503);
    expect(meanwhile.headers.get('retry-after')).to.match(/^\d+$/);
    expect(Date.now() - from, 'ms to the 503').to.be.lessThan(5_000);
    expect((await service.call('GET', '/livez')).status).to.equal(200);
    expect((await service.call('GET', '/concert/c1/session')).status, 'lists go on').to.equal(200);
    expect((await service.call('GET', '/readyz')).status).to.equal(503);

    await store.restart?.();
    const back = Date.now();
    await eventually(
      'a charge works again',
      async () => (await service.charge('u1', 10, 'meanwhile')).status === 200,
    );
    expect(Date.now() - back, 'ms to work again').to.be.lessThan(5_000);
    const before = buyers.acknowledged.payments.size;
    await eventually('buyers pay again', () => buyers.acknowledged.payments.size > before + 20);
    await buyers.stop();
    expect(buyers.acknowledged.answers.get('500') ?? 0).to.equal(0);
    expect((await service.balance('u1')).balance, 'charged once').to.equal(10);
    await eventually(
      'ready again',
      async () => (await service.call('GET', '/readyz')).status === 200,
    );
  });
});
