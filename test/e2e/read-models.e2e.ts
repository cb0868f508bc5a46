import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { describeWithOwnEventStore } from '../support/servers.ts';
import { catalogFile, sessionsOf, startBuyers } from './support/buyers.ts';
import { importCatalog, reprise } from './support/command-line.ts';
import { Service } from './support/service.ts';

interface Ready {
  readonly status: string;
  readonly projection: { readonly state: string; readonly lagSeconds: number };
  readonly projections: readonly Record<string, unknown>[];
}

describeWithOwnEventStore('the read models of a running service', function () {
  this.timeout(120_000);
  let service: Service;
  let env: Record<string, string>;
  before(async () => {
    service = await Service.start({ QUEUE_ADMITTED_MAX: '100' });
    const { eventStoreUrl, postgresUrl } = await service.servers();
    env = { EVENTSTORE_URL: eventStoreUrl, POSTGRES_URL: postgresUrl, DATA_DIR: service.dataDir };
    await importCatalog(catalogFile(10), env);
  });
  after(() => service?.remove());

  const readyz = () => service.readyz<Ready>();

  it('stay ready while a rebuild takes their place under load, and say when that was', async () => {
    for (let i = 1; i <= 5; i += 1) await service.charge(`buyer-${i}`, 1_000_000, 'start');
    const buyers = startBuyers(service, { buyers: 5, sessions: sessionsOf(10) });
    let isRebuilding = true;
    let asked = 0;
    const watching = (async () => {
      for (; isRebuilding; asked += 1) {
        const { status, body } = await readyz();
        expect(status, JSON.stringify(body)).to.equal(200);
        const { body: seats } = await service.call<{ seatList: unknown[] }>(
          'GET',
          '/concert/c1/seat?sessionId=c1-1',
        );
        expect(seats.seatList).to.have.length(50);
        await sleep(10);
      }
    })();
    const { code, stderr } = await reprise(['rebuild'], env);
    isRebuilding = false;
    await watching;
    await buyers.stop();
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(asked).to.be.greaterThan(10);
    const { body } = await readyz();
    expect(body.projection).to.include({ state: 'live' });
    expect(body.projections.map(({ name }) => name)).to.deep.equal([
      'concert',
      'session',
      'seat',
      'reservation',
      'account',
    ]);
    for (const one of body.projections) {
      expect(one).to.have.all.keys(
        'name',
        'version',
        'position',
        'behindEvents',
        'behindSeconds',
        'eventsPerSecond',
        'status',
        'error',
        'rebuiltAt',
      );
      expect(one).to.include({ version: 1, status: 'live', error: null });
      expect(one.position).to.match(/^\d+$/);
      expect(one.eventsPerSecond).to.be.a('number');
      expect(Date.now() - Date.parse(String(one.rebuiltAt))).to.be.within(0, 60_000);
    }
  });

  it('tell how long events took to be visible', async () => {
    const text = await (await fetch(`${service.adminUrl}/metrics`)).text();
    const value = (line: string) => Number(text.match(new RegExp(`^${line} (.+)$`, 'm'))?.[1]);
    expect(value('reprise_live_lag_seconds_count')).to.be.greaterThan(50);
    expect(value('reprise_live_lag_seconds_bucket\\{le="30"\\}')).to.equal(
      value('reprise_live_lag_seconds_count'),
    );
    expect(value('reprise_live_lag_seconds_sum')).to.be.greaterThan(0);
    expect(value('reprise_projection_lag_events')).to.be.a('number');
  });
});
