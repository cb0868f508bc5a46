import { randomUUID } from 'node:crypto';
import { ANY, EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { expect } from 'chai';
import { eachLimited } from '../../src/support/concurrency.ts';
import { eventually } from '../support/eventually.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { catalogFile, sessionsOf, startBuyers } from './support/buyers.ts';
import { importCatalog, reprise } from './support/command-line.ts';
import { verifyOf } from './support/proof.ts';
import { Service } from './support/service.ts';

/** More than may be parked, in streams of their own and as many again in one. */
const foreignCount = 5_200;
const prefixes = ['order-', 'concert-', 'seat-', 'account-'];

interface Ready {
  readonly projection: { readonly state: string; readonly parkedEvents: number };
}

describeWithOwnEventStore('another program that uses streams with names like ours', function () {
  this.timeout(240_000);
  let store: TestEventStore;
  let service: Service;
  let client: EventStoreDBClient;
  let env: Record<string, string>;

  before(async () => {
    store = await testEventStore();
    service = await Service.start({ QUEUE_ADMITTED_MAX: '100', EVENTSTORE_URL: store.url });
    const { eventStoreUrl, postgresUrl } = await service.servers();
    env = { EVENTSTORE_URL: eventStoreUrl, POSTGRES_URL: postgresUrl, DATA_DIR: service.dataDir };
    await importCatalog(catalogFile(2), env);
    client = EventStoreDBClient.connectionString(eventStoreUrl);
    for (let n = 1; n <= 4; n += 1) await service.charge(`buyer-${n}`, 1_000_000, 'one');
  });
  after(async () => {
    await client?.dispose();
    await service?.remove();
    await store?.stop();
  });

  const write = async (stream: string, count: number) => {
    const events = Array.from({ length: count }, () =>
      jsonEvent({ id: randomUUID(), type: 'OrderPlaced', data: { total: 1 } }),
    );
    await client.appendToStream(stream, events, { expectedRevision: ANY });
  };
  const ready = async () => {
    const { status, body } = await service.readyz<Ready>();
    expect(status, JSON.stringify(body)).to.equal(200);
    return body.projection;
  };
  const toldLines = () => service.output.split('\n').filter((line) => /"level":[3-6]0/.test(line));

  it('stops nothing, however much it writes, and is told of in one line', async () => {
    const rush = startBuyers(service, { buyers: 4, sessions: sessionsOf(2) });
    const names = Array.from({ length: foreignCount }, (_, n) => `${prefixes[n % 4]}theirs-${n}`);
    await eachLimited(names, 32, (name) => write(name, 1));
    for (let left = foreignCount; left > 0; left -= 400) await write('order-theirs', 400);
    await rush.stop();
    const { answers, payments } = rush.acknowledged;
    expect(payments.size).to.be.greaterThan(0);
    expect([...answers.keys()].filter((answer) => !/^(200|409)$/.test(answer))).to.deep.equal([]);
    // Shown: what was charged after all of it.
    expect((await service.charge('late', 500, 'one')).status).to.equal(200);
    await eventually('it is shown', async () => (await service.balance('late')).balance === 500);
    expect(await ready()).to.include({ state: 'live', parkedEvents: 0 });
    const lines = toldLines();
    expect(lines.filter((line) => line.includes('streams of other programs'))).to.have.lengthOf(1);
    expect(lines.length, lines.join('\n')).to.be.below(5);
  });

  it('is not in the proof, and counted there', async () => {
    const { violations, log } = await verifyOf('', await service.servers());
    expect(violations.listed).to.deep.equal([]);
    expect(log.foreign).to.equal(2 * foreignCount);
  });

  it('is in the way of no rebuild, and of no start', async () => {
    const rebuilt = await reprise(['rebuild'], env);
    expect(rebuilt.code, rebuilt.stderr).to.equal(0);
    expect((await reprise(['projections', 'retry'], env)).stdout).to.equal('nothing is parked\n');
    await service.stop();
    await service.start();
    expect(await ready()).to.include({ state: 'live', parkedEvents: 0 });
    expect((await service.balance('late')).balance).to.equal(500);
    expect(toldLines().length, service.output).to.be.below(5);
  });
});
