import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { expect } from 'chai';
import { describeVerdict } from '../../src/verify/describe.ts';
import { verify } from '../../src/verify/verify-log.ts';
import { eventually } from '../support/eventually.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { corrupt } from './support/corruptions.ts';
import { honest } from './support/honest.ts';
import { overdue } from './support/overdue.ts';
import { World } from './support/world.ts';

describeWithOwnEventStore('the proof from the log', () => {
  let store: TestEventStore;
  let client: EventStoreDBClient;

  before(async () => {
    store = await testEventStore();
    client = EventStoreDBClient.connectionString(store.url);
  });
  after(async () => {
    await client?.dispose();
    await store?.stop();
  });

  const find = async (world: World, graceMs?: number): Promise<string[]> => {
    const { violations } = await verify({
      eventStoreUrl: store.url,
      listedMax: 10_000,
      ...(graceMs === undefined ? {} : { graceMs }),
    });
    const own = violations.listed.filter(({ stream }) => stream?.includes(world.session));
    return own.map(({ code }) => code);
  };

  for (const [name, write] of Object.entries(honest)) {
    it(`finds nothing in ${name}`, async () => {
      const world = new World(client);
      await world.begin();
      await write(world);
      expect(await find(world)).to.deep.equal([]);
    });
  }

  for (const [name, [codes, plant]] of Object.entries(corrupt)) {
    it(`finds ${name}`, async () => {
      const world = new World(client);
      await world.begin();
      await plant(world);
      expect(await find(world)).to.deep.equal(codes);
    });
  }

  for (const [name, [codes, plant]] of Object.entries(overdue)) {
    it(`finds ${name}, for long only`, async () => {
      const world = new World(client);
      await world.begin();
      await plant(world);
      expect(await find(world)).to.deep.equal([]);
      expect(await find(world, 0)).to.deep.equal(codes);
    });
  }

  it('says where each violation is', async () => {
    const world = new World(client);
    await world.begin();
    await world.buy();
    await world.seat('SeatSold', { userId: world.other });
    const verdict = await verify({ eventStoreUrl: store.url, listedMax: 10_000 });
    const stream = `seat-${world.session}/A-1-1`;
    expect(describeVerdict(verdict)).to.contain(`VIOLATION double-sale at 2@${stream}: `);
    expect(describeVerdict(verdict)).to.contain('NOT PROVEN');
  });

  it('judges a log that nobody works on as of its newest event', async () => {
    const world = new World(client);
    await world.begin();
    const soon = new Date(Date.now() + 50).toISOString();
    await world.seat('SeatReserved', { expiresAt: soon });
    await eventually('the hold is over', () => Date.now() > Date.parse(soon));
    expect(await find(world, 0)).to.deep.equal(['lost-release']);
    // Others, and the store itself, may go on writing.
    await client.appendToStream(
      `elsewhere-${world.session}`,
      jsonEvent({ type: 'Other', data: {} }),
    );
    const { violations } = await verify({
      eventStoreUrl: store.url,
      listedMax: 10_000,
      graceMs: 0,
      asOf: 'log-end',
    });
    expect(violations.listed.filter(({ stream }) => stream?.includes(world.session))).to.deep.equal(
      [],
    );
  });

  it('counts what was skipped', async () => {
    const { log } = await verify({ eventStoreUrl: store.url });
    expect(log.skipped).to.be.greaterThan(3);
  });

  it('lists so many violations and counts them all', async () => {
    const { violations } = await verify({ eventStoreUrl: store.url, listedMax: 2 });
    expect(violations.listed).to.have.length(2);
    const sum = Object.values(violations.byCode).reduce((total, count) => total + count, 0);
    expect(violations.total).to.equal(sum).and.to.be.greaterThan(2);
  });

  it('says that the log cannot be read when it cannot', async () => {
    const failure = await verify({ eventStoreUrl: 'esdb://127.0.0.1:1?tls=false' }).catch(
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(Error);
  });
});
