import {
  END,
  type EventData,
  START,
  StreamDeletedError,
  streamNameFilter,
} from '@eventstore/db-client';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { events, expectError, idsOf, positionOf, unique } from './support/client.ts';
import { recording } from './support/recorder.ts';
import { useSubject } from './support/suite.ts';

const tombstoneRevision = 2n ** 63n - 1n;

describe('conformance: subscribe', () => {
  const subject = useSubject();

  it('38 history, one caught-up, then live events', async () => {
    const { client } = subject;
    const stream = unique('history');
    const [history, live] = [events(100), events(50)];
    await client.appendToStream(stream, history);
    const all = { fromPosition: START, filter: streamNameFilter({ prefixes: [stream] }) } as const;
    await recording(client.subscribeToStream(stream), (toStream) =>
      recording(client.subscribeToAll(all), async (toAll) => {
        for (const recorder of [toStream, toAll]) {
          await recorder.caughtUp();
          expect(recorder.ids).to.deep.equal(idsOf(history));
        }
        for (const event of live) await client.appendToStream(stream, event);
        for (const recorder of [toStream, toAll]) {
          await recorder.count(150);
          expect(recorder.ids).to.deep.equal(idsOf([...history, ...live]));
          expect(recorder.caughtUpAt).to.deep.equal([100]);
          expect(recorder.confirmations).to.equal(1);
          const revisions = recorder.events.map(({ revision }) => revision);
          expect(revisions).to.deep.equal(revisions.map((_, index) => BigInt(index)));
        }
      }),
    );
  });

  it('39 fromRevision of a stream is exclusive', async () => {
    const { client } = subject;
    const stream = unique('after');
    const [history, live] = [events(10), events(2)];
    await client.appendToStream(stream, history);
    await recording(client.subscribeToStream(stream, { fromRevision: 6n }), async (recorder) => {
      await recorder.caughtUp();
      expect(recorder.ids).to.deep.equal(idsOf(history.slice(7)));
      await client.appendToStream(stream, live);
      await recorder.count(5);
      expect(recorder.ids).to.deep.equal(idsOf([...history.slice(7), ...live]));
    });
    await recording(client.subscribeToStream(stream, { fromRevision: 11n }), async (recorder) => {
      await recorder.caughtUp();
      const [next] = events(1) as [EventData];
      await client.appendToStream(stream, next);
      await recorder.count(1);
      expect(recorder.ids).to.deep.equal([next.id]);
    });
  });

  it('40 from the end → only what comes later', async () => {
    const { client } = subject;
    const stream = unique('end');
    const later = events(3);
    await client.appendToStream(stream, events(10));
    const all = { fromPosition: END, filter: streamNameFilter({ prefixes: [stream] }) } as const;
    await recording(client.subscribeToStream(stream, { fromRevision: END }), (toStream) =>
      recording(client.subscribeToAll(all), async (toAll) => {
        await toStream.caughtUp();
        await toAll.caughtUp();
        await client.appendToStream(stream, later);
        for (const recorder of [toStream, toAll]) {
          await recorder.count(3);
          expect(recorder.ids).to.deep.equal(idsOf(later));
        }
      }),
    );
  });

  it('41 a missing stream, then its first event', async () => {
    const { client } = subject;
    for (const fromRevision of [START, END] as const) {
      const stream = unique('not-yet');
      await recording(client.subscribeToStream(stream, { fromRevision }), async (recorder) => {
        await recorder.caughtUp();
        expect(recorder.delivered).to.deep.equal([]);
        const first = events(2);
        await client.appendToStream(stream, first, { expectedRevision: 'no_stream' });
        await recorder.count(2);
        expect(recorder.ids).to.deep.equal(idsOf(first));
        expect(recorder.events[0]?.revision).to.equal(0n);
        expect(recorder.caughtUpAt).to.deep.equal([0]);
      });
    }
  });

  it('42 fromPosition of $all is exclusive', async () => {
    const { client } = subject;
    const stream = unique('all-after');
    const [before, after] = [events(3), events(3)];
    const { position } = await client.appendToStream(stream, before);
    await client.appendToStream(stream, after);
    if (position === undefined) throw new Error('the answer has no position');
    await recording(client.subscribeToAll({ fromPosition: position }), async (recorder) => {
      const mine = () => recorder.events.filter(({ streamId }) => streamId === stream);
      await recorder.until('three of mine', () => mine().length >= 3);
      await recorder.caughtUp();
      expect(idsOfRecorded(mine())).to.deep.equal(idsOf(after));
      const positions = recorder.events.map((event) => positionOf(event));
      expect(positions[0] && positions[0] > position.commit).to.equal(true);
      expect(isAscending(positions), 'positions ascend').to.equal(true);
    });
  });

  it('46 appends during the hand-over to live come exactly once, in order', async function () {
    this.timeout(60_000);
    const { client, other } = subject;
    const stream = unique('hand-over');
    const [history, during] = [events(1_000), events(1_000)];
    await client.appendToStream(stream, history);
    let appended = 0;
    const appending = (async () => {
      for (; appended < 1_000; appended += 4) {
        await other.appendToStream(stream, during.slice(appended, appended + 4));
      }
    })();
    const filter = streamNameFilter({ prefixes: [stream] });
    const expected = idsOf([...history, ...during]);
    // Begun one after another while the appends go on: each meets the hand-over at another moment.
    const subscribing = [0, 150, 300, 450, 600].map(async (after, index) => {
      await eventually(`${after} appended`, () => appended >= after, 10_000);
      const subscription =
        index % 2 === 0 ? client.subscribeToStream(stream) : client.subscribeToAll({ filter });
      await recording(subscription, async (recorder) => {
        await recorder.count(2_000);
        expect(recorder.ids).to.deep.equal(expected);
      });
    });
    await Promise.all([appending, ...subscribing]);
  });

  it('49 a tombstone while live → its event, then StreamDeleted', async () => {
    const { client } = subject;
    const stream = unique('live-tombstone');
    const history = events(2);
    await client.appendToStream(stream, history);
    await recording(client.subscribeToStream(stream), async (recorder) => {
      await recorder.caughtUp();
      await client.tombstoneStream(stream);
      expectError(await recorder.failure(), StreamDeletedError, { streamName: stream });
      expect(recorder.events).to.have.length(3);
      expect(recorder.ids.slice(0, 2)).to.deep.equal(idsOf(history));
      expect(recorder.events[2]).to.deep.include({
        streamId: stream,
        type: '$streamDeleted',
        revision: tombstoneRevision,
      });
    });
  });

  it('50 subscribing to a tombstoned stream → StreamDeleted', async () => {
    const { client } = subject;
    const stream = unique('already-tombstone');
    await client.appendToStream(stream, events(2));
    await client.tombstoneStream(stream);
    for (const fromRevision of [START, 0n] as const) {
      await recording(client.subscribeToStream(stream, { fromRevision }), async (recorder) => {
        expectError(await recorder.failure(), StreamDeletedError, { streamName: stream });
        expect(recorder.delivered).to.deep.equal([]);
      });
    }
  });
});

function idsOfRecorded(recorded: readonly { id: string }[]): string[] {
  return recorded.map(({ id }) => id);
}

function isAscending(positions: readonly bigint[]): boolean {
  return positions.every((at, index) => index === 0 || at > (positions[index - 1] as bigint));
}
