import {
  type AllStreamRecordedEvent,
  BACKWARDS,
  END,
  EventStoreDBClient,
} from '@eventstore/db-client';
import { expect } from 'chai';
import type { ProofMark } from '../../src/verify/proof-mark.ts';
import { verify } from '../../src/verify/verify-log.ts';
import { verifySince } from '../../src/verify/verify-since.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { corrupt } from './support/corruptions.ts';
import { honest } from './support/honest.ts';
import { overdue } from './support/overdue.ts';
import { World } from './support/world.ts';

describeWithOwnEventStore('the proof of what came since the last one', () => {
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

  const begin = async (): Promise<World> => {
    const world = new World(client);
    await world.beginClaimed();
    return world;
  };
  /** As a proof that found nothing leaves it, with nothing unfinished. */
  const markHere = async (): Promise<ProofMark> => {
    const read = client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 });
    let last: AllStreamRecordedEvent | undefined;
    for await (const { event } of read) last = event;
    if (last === undefined) throw new Error('the log is empty');
    const at = new Date().toISOString();
    const position = String(last.position.commit);
    return { position, eventId: last.id, epoch: null, wholeAt: at, at, unfinished: [] };
  };
  const since = async (from: ProofMark, graceMs?: number) => {
    const options = { eventStoreUrl: store.url, ...(graceMs === undefined ? {} : { graceMs }) };
    const verdict = await verifySince(from, options);
    return typeof verdict === 'string'
      ? verdict
      : verdict.violations.listed.map(({ code }) => code).sort();
  };
  const whole = async ({ session }: World): Promise<string[]> => {
    const { violations } = await verify({ eventStoreUrl: store.url, listedMax: 10_000 });
    const own = violations.listed.filter(({ stream }) => stream?.includes(session));
    return own.map(({ code }) => code).sort();
  };
  /** Scenarios that were judged here, and those that were left to the whole proof. */
  const judged = { here: 0, left: 0 };

  for (const [name, write] of Object.entries(honest)) {
    it(`finds nothing in ${name}, or leaves it to the whole proof`, async () => {
      const world = await begin();
      const from = await markHere();
      await write(world);
      const found = await since(from);
      if (typeof found !== 'string') expect(found).to.deep.equal([]);
    });
  }

  for (const [name, [codes, plant]] of Object.entries(corrupt)) {
    it(`finds ${name} after the mark, or leaves it to the whole proof`, async () => {
      const world = await begin();
      const from = await markHere();
      await plant(world);
      const found = await since(from);
      judged[typeof found === 'string' ? 'left' : 'here'] += 1;
      if (typeof found !== 'string') expect(found).to.deep.equal([...codes].sort());
    });
  }

  it('judges most faults itself', () => {
    expect(judged.here).to.be.greaterThan(2 * judged.left);
  });

  it('says nothing of a fault before the mark, which the whole proof finds', async () => {
    const [world, other] = [await begin(), await begin()];
    await world.buy();
    await world.seat('SeatSold', { userId: world.other });
    const from = await markHere();
    await other.buy();
    expect(await since(from)).to.deep.equal([]);
    expect(await whole(world)).to.include('double-sale');
  });

  it('leaves a log to the whole proof that has another event at the mark, or ends before it', async () => {
    const world = await begin();
    const from = await markHere();
    await world.buy();
    const other = { ...from, eventId: crypto.randomUUID() };
    expect(await since(other)).to.match(/another event where the last proof ended/);
    const beyond = { ...from, position: String(BigInt(from.position) + 10_000_000n) };
    expect(await since(beyond)).to.match(/ended|ends before/);
    expect(await since({ ...from, epoch: crypto.randomUUID() })).to.match(/restored since/);
    expect(await since(from)).to.deep.equal([]);
  });

  it('reads the streams that new events are in or name, and no others', async () => {
    for (let n = 0; n < 20; n += 1) await (await begin()).buy();
    const world = await begin();
    const from = await markHere();
    await world.buy();
    const verdict = await verifySince(from, { eventStoreUrl: store.url });
    expect(verdict).to.deep.include({ events: 4, streams: 3 });
  });
});

describeWithOwnEventStore('what was unfinished where the last proof ended', () => {
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

  for (const [name, [codes, plant]] of Object.entries(overdue)) {
    it(`is found when time has made it wrong: ${name}`, async () => {
      const world = new World(client);
      await world.beginClaimed();
      await plant(world);
      const { mark, violations } = await verify({ eventStoreUrl: store.url });
      expect(violations.listed).to.deep.equal([]);
      const found = async (graceMs?: number) => {
        const options = { eventStoreUrl: store.url, ...(graceMs === undefined ? {} : { graceMs }) };
        const verdict = await verifySince(mark as ProofMark, options);
        if (typeof verdict === 'string') throw new Error(verdict);
        const own = verdict.violations.listed.filter(({ stream }) =>
          stream?.includes(world.session),
        );
        return own.map(({ code }) => code).sort();
      };
      expect(await found()).to.deep.equal([]);
      expect(await found(0)).to.deep.equal([...codes].sort());
      // The guard: without the list nothing would look at these streams again.
      const blind = { ...(mark as ProofMark), unfinished: [] };
      const verdict = await verifySince(blind, { eventStoreUrl: store.url, graceMs: 0 });
      expect(verdict).to.have.nested.property('violations.total', 0);
    });
  }
});
