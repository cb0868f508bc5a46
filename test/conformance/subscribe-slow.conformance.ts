import { binaryEvent, type EventStoreDBClient } from '@eventstore/db-client';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { connect, events, unique } from './support/client.ts';
import { canMeasureMemory, ownMegabytes } from './support/memory.ts';
import { withFaultyServer } from './support/own-server.ts';
import { Recorder, recording } from './support/recorder.ts';
import { itWithEmbeddedServer, useSubject } from './support/suite.ts';

/**
 * 10,000 events of 8 KB: a server that kept them for its subscribers would grow by 80 MB at the
 * least. Without that, the garbage of the appends themselves makes it grow by up to 30 MB.
 */
const liveEvents = 10_000;
const bytesEach = 8_192;
const growthMegabytesMax = 60;

/** What an embedded server that takes orders tells of itself. */
interface Stats {
  readonly subscriptions: number;
  readonly calls: number;
}

describe('conformance: subscribe, slow consumers and leaving ones', () => {
  const subject = useSubject();

  it("47 a slow consumer and 10,000 live events: all delivered, the server's memory bounded", async function () {
    this.timeout(60_000);
    const { client, other, pid } = subject;
    const measured = pid !== undefined && canMeasureMemory;
    // The same load before, so that what the appends themselves take is not counted as the
    // subscribers'.
    await appendLive(other, unique('warm-up'), liveEvents / 2);
    const before = measured ? await ownMegabytes(pid) : 0;

    const stream = unique('slow');
    const slow = Array.from({ length: 2 }, () => client.subscribeToStream(stream));
    const recorders = slow.map((subscription) => new Recorder(subscription));
    try {
      for (const recorder of recorders) await recorder.caughtUp();
      for (const subscription of slow) subscription.pause();
      const ids = await appendLive(other, stream, liveEvents);
      for (const { delivered } of recorders) expect(delivered.length).to.be.below(liveEvents / 10);
      if (measured) {
        const growth = (await ownMegabytes(pid)) - before;
        expect(growth, 'megabytes grown with two slow subscribers').to.be.below(growthMegabytesMax);
      }
      for (const subscription of slow) subscription.resume();
      for (const recorder of recorders) {
        await recorder.count(liveEvents);
        expect(recorder.ids).to.deep.equal(ids);
      }
    } finally {
      for (const recorder of recorders) await recorder.close();
    }
  });

  it('48 after unsubscribe nothing more is delivered, and the stream can be subscribed again', async () => {
    const { client } = subject;
    const stream = unique('left');
    const recorder = new Recorder(client.subscribeToStream(stream));
    await recorder.caughtUp();
    await client.appendToStream(stream, events(1));
    await recorder.count(1);
    await recorder.close();
    await recording(client.subscribeToStream(stream), async (second) => {
      const more = events(5);
      await client.appendToStream(stream, more);
      await second.count(6);
      expect(recorder.delivered).to.have.length(1);
    });
  });

  itWithEmbeddedServer(
    "48 unsubscribe frees the server's state",
    "looks into the server's process",
    () =>
      withFaultyServer(async (server, client) => {
        const stats = async () => ((await server.ask({ stats: true })) as { stats: Stats }).stats;
        const idle = await stats();
        const stream = unique('unsubscribed');
        const recorders = Array.from({ length: 100 }, (_, index) => {
          const all = index % 2 === 0;
          return new Recorder(all ? client.subscribeToAll() : client.subscribeToStream(stream));
        });
        for (const recorder of recorders) await recorder.caughtUp();
        expect((await stats()).subscriptions).to.equal(idle.subscriptions + 100);
        expect((await stats()).calls).to.be.at.least(idle.calls + 100);
        for (const recorder of recorders) await recorder.close();
        await eventually('all are gone', async () => (await stats()).subscriptions === 0);
        await eventually('their calls, too', async () => (await stats()).calls <= idle.calls);
        // A client that leaves without a word frees it, too.
        const leaving = connect(server.url);
        const last = new Recorder(leaving.subscribeToStream(stream));
        await last.caughtUp();
        expect((await stats()).subscriptions).to.equal(1);
        await leaving.dispose();
        await eventually('the last is gone', async () => (await stats()).subscriptions === 0);
      }),
  );
});

/**
 * Appends so many events, ten at a time, 16 appends in flight; returns their ids in the order of
 * their revisions.
 */
async function appendLive(
  client: EventStoreDBClient,
  stream: string,
  count: number,
): Promise<string[]> {
  const data = new Uint8Array(bytesEach);
  const ids: string[] = [];
  let left = count;
  const append = async () => {
    while (left > 0) {
      left -= 10;
      const ten = Array.from({ length: 10 }, () => binaryEvent({ type: 'Big', data }));
      const { nextExpectedRevision } = await client.appendToStream(stream, ten);
      for (const [index, { id }] of ten.entries())
        ids[Number(nextExpectedRevision) - 9 + index] = id;
    }
  };
  await Promise.all(Array.from({ length: 16 }, append));
  return ids;
}
