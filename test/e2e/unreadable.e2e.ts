import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { createClient } from '../../src/infrastructure/eventstoredb/client.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { eventually } from '../support/eventually.ts';
import { describeWithOwnEventStore } from '../support/servers.ts';
import { catalogFile } from './support/buyers.ts';
import { importCatalog, reprise } from './support/command-line.ts';
import { Service } from './support/service.ts';

interface Ready {
  readonly status: string;
  readonly projection: { readonly state: string; readonly parkedEvents: number };
}

describeWithOwnEventStore('an event that another version of the service wrote', function () {
  this.timeout(180_000);
  let service: Service;
  let store: EventStore;
  let env: Record<string, string>;
  const stream = 'seat-c1-1/A-1-1';

  before(async () => {
    service = await Service.start({ QUEUE_ADMITTED_MAX: '100', DEMO: 'off' });
    const { eventStoreUrl, postgresUrl } = await service.servers();
    env = { EVENTSTORE_URL: eventStoreUrl, POSTGRES_URL: postgresUrl, DATA_DIR: service.dataDir };
    await importCatalog(catalogFile(1), env);
    store = connectEventStore(eventStoreUrl);
    for (const user of ['ann', 'bob']) await service.charge(user, 1_000_000, 'start');
    const token = await service.token('ann');
    expect((await service.reserve('ann', token, 'c1', 'c1-1', 'A-1-1')).status).to.equal(200);
    const data = { reservationId: 'c1-1.A-1-1.1', paymentId: 'p', userId: 'ann' };
    const appended = await store.append(stream, 0n, [
      { id: randomUUID(), event: { type: 'SeatSold', data }, metadata: { schemaVersion: 2 } },
    ]);
    expect(appended.ok).to.equal(true);
  });
  after(async () => {
    await store?.close();
    await service?.remove();
  });

  const parkedEvents = async () => {
    const { status, body } = await service.readyz<Ready>();
    expect(status, JSON.stringify(body)).to.equal(200);
    return body.projection.parkedEvents;
  };

  it('is parked, and the service stays ready', async () => {
    await eventually('parked', async () => (await parkedEvents()) === 1);
  });

  it('ends no other buyer’s journey; commands on its own seat are refused', async () => {
    const token = await service.token('bob');
    for (let n = 0; n < 2; n += 1) {
      const refused = await service.reserve('bob', token, 'c1', 'c1-1', 'A-1-1');
      expect(refused.status).to.equal(503);
      expect(refused.body).to.include({ code: 'event-unreadable' });
      expect(refused.headers.get('retry-after')).to.equal('60');
      expect(JSON.stringify(refused.body)).not.to.match(/\.ts| {4}at /);
    }
    const held = await service.reserve('bob', token, 'c1', 'c1-1', 'A-1-2');
    expect(held.status, JSON.stringify(held.body)).to.equal(200);
    const paid = await service.pay('bob', token, held.body.reservationId);
    expect(paid.status, JSON.stringify(paid.body)).to.equal(200);
    const annsToken = await service.token('ann');
    const annPays = await service.pay('ann', annsToken, 'c1-1.A-1-1.1');
    expect(annPays.status).to.equal(503);
    expect(annPays.body.code).to.equal('event-unreadable');
    expect((await service.reserve('ann', annsToken, 'c1', 'c1-1', 'A-1-3')).status).to.equal(200);
    expect(await parkedEvents()).to.equal(1);
  });

  it('is shown by reprise projections, and stays parked when it is retried in vain', async () => {
    const why = `event 1@${stream} (SeatSold): stored version 2 is newer than 1: upgrade first`;
    const [{ code, stdout }, told] = await Promise.all([
      reprise(['projections'], env),
      reprise(['projections', '--json'], env),
    ]);
    expect(code).to.equal(0);
    expect(stdout).to.match(/\nparked: 1 event of 1 stream, the first since 20\S+Z\n/);
    expect(stdout).to.contain(`\n  ${stream}, 1 event: ${why}\n`);
    const json = JSON.parse(told.stdout);
    expect(json.parked).to.have.length(1);
    expect(json.parked[0]).to.include({ stream, revision: '1', type: 'SeatSold', error: why });
    const retried = await reprise(['projections', 'retry'], env);
    expect(retried.code).to.equal(1);
    expect(retried.stdout).to.contain(why);
    expect(await parkedEvents()).to.equal(1);
  });

  it('is fatal in a rebuild, and a finding of verify', async () => {
    const rebuilt = await reprise(['rebuild'], env);
    expect(rebuilt.code).to.equal(1);
    expect(rebuilt.stderr).to.contain(`event 1@${stream} (SeatSold): stored version 2`);
    const partly = await reprise(['rebuild', 'seat'], env);
    expect(partly.code).to.equal(1);
    expect(partly.stderr).to.contain('events are parked: rebuild all projections together');
    const verified = await reprise(['verify', '--json'], env);
    expect(verified.code).to.equal(1);
    const { violations } = JSON.parse(verified.stdout);
    expect(violations.byCode).to.deep.equal({ unreadable: 1 });
    expect(violations.listed[0]).to.include({ stream, code: 'unreadable' });
  });

  it('a stream that was deleted for ever decides nothing either; others go on', async () => {
    const { eventStoreUrl } = await service.servers();
    const client = createClient(eventStoreUrl);
    const token = await service.token('bob');
    try {
      const held = await service.reserve('bob', token, 'c1', 'c1-1', 'A-1-7');
      expect(held.status, JSON.stringify(held.body)).to.equal(200);
      await client.tombstoneStream('seat-c1-1/A-1-7');
      await client.tombstoneStream('seat-c1-1/A-1-8');
      for (const [user, seat] of [
        ['ann', 'A-1-7'],
        ['bob', 'A-1-8'],
      ] as const) {
        const refused = await service.reserve(user, await service.token(user), 'c1', 'c1-1', seat);
        expect(refused.status, JSON.stringify(refused.body)).to.equal(503);
        expect(refused.body, JSON.stringify(refused.body)).to.include({ code: 'event-unreadable' });
      }
      const paid = await service.pay('bob', token, held.body.reservationId);
      expect(paid.status, JSON.stringify(paid.body)).to.equal(503);
      expect(paid.body).to.include({ code: 'event-unreadable' });
      expect(
        (await service.reserve('ann', await service.token('ann'), 'c1', 'c1-1', 'A-1-9')).status,
      ).to.equal(200);
      expect((await service.call('GET', '/readyz')).status).to.equal(200);
    } finally {
      await client.dispose();
    }
  });
});
