import { BACKWARDS, END, type EventStoreDBClient } from '@eventstore/db-client';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import {
  collect,
  events,
  expectWrongVersion,
  idsIn,
  idsOf,
  positionOf,
  readEvents,
  recorded,
  unique,
} from './support/client.ts';
import { recording } from './support/recorder.ts';
import { useSubject } from './support/suite.ts';

describe('conformance: metadata', () => {
  const subject = useSubject();

  it('57 maxCount, truncateBefore and maxAge hide events, to reads and subscriptions', async () => {
    const { client } = subject;
    const visible = async (metadata: Parameters<typeof client.setStreamMetadata>[1]) => {
      const { stream, ids } = await streamOf(10);
      await client.setStreamMetadata(stream, metadata);
      const revisions = (await readEvents(client, stream)).map(({ revision }) => Number(revision));
      const backwards = client.readStream(stream, { direction: BACKWARDS, fromRevision: END });
      const back = recorded(await collect(backwards)).map(({ revision }) => Number(revision));
      expect(back).to.deep.equal([...revisions].reverse());
      await recording(client.subscribeToStream(stream), async (recorder) => {
        await recorder.caughtUp();
        expect(recorder.ids).to.deep.equal(revisions.map((revision) => ids[revision]));
      });
      return revisions;
    };
    expect(await visible({ maxCount: 3 })).to.deep.equal([7, 8, 9]);
    expect(await visible({ maxCount: 100 })).to.have.length(10);
    expect(await visible({ truncateBefore: 4 })).to.deep.equal([4, 5, 6, 7, 8, 9]);
    expect(await visible({ maxCount: 8, truncateBefore: 4 })).to.deep.equal([4, 5, 6, 7, 8, 9]);
    expect(await visible({ maxCount: 2, truncateBefore: 4 })).to.deep.equal([8, 9]);
    expect(await visible({ truncateBefore: 10 }), 'empty, but there').to.deep.equal([]);
    expect(await visible({ maxAge: 3_600 })).to.have.length(10);
  });

  it('57 truncation follows new events, and $all still shows the hidden ones', async () => {
    const { client } = subject;
    const { stream, ids, position } = await streamOf(1);
    const more = events(4);
    await client.appendToStream(stream, more);
    await client.setStreamMetadata(stream, { maxCount: 2 });
    const later = events(1);
    const answer = await client.appendToStream(stream, later, { expectedRevision: 4n });
    expect(answer.nextExpectedRevision).to.equal(5n);
    const shown = recorded(await collect(client.readStream(stream, { fromRevision: 1n })));
    expect(shown.map(({ revision }) => revision)).to.deep.equal([4n, 5n]);
    expect(shown.map(({ id }) => id)).to.deep.equal([more[3]?.id, later[0]?.id]);
    expect(await idsInAll(client, position, 'a hidden event')).to.deep.equal(ids);
  });

  it('57 maxAge hides events once they are older', async () => {
    const { client } = subject;
    const { stream } = await streamOf(3);
    await client.setStreamMetadata(stream, { maxAge: 2 });
    await eventually(
      'all are older',
      async () => (await idsIn(client, stream)).length === 0,
      8_000,
    );
    const young = events(1);
    const { nextExpectedRevision } = await client.appendToStream(stream, young);
    expect(nextExpectedRevision).to.equal(3n);
    expect(await idsIn(client, stream)).to.deep.equal(idsOf(young));
  });

  it('58 metadata with custom keys and an ACL comes back as it was set', async () => {
    const { client } = subject;
    const stream = unique('with-metadata');
    expect(await client.getStreamMetadata(stream)).to.deep.equal({ streamName: stream });
    const metadata = {
      maxCount: 20,
      maxAge: 86_400,
      cacheControl: 15,
      acl: {
        readRoles: ['$all'],
        writeRoles: ['$admins', 'ops'],
        deleteRoles: ['$admins'],
        metaReadRoles: ['$all'],
        metaWriteRoles: ['$admins'],
      },
      색: { nested: [1, 'two', null] },
    };
    const set = await client.setStreamMetadata(stream, metadata, { expectedRevision: 'no_stream' });
    expect(set.nextExpectedRevision).to.equal(0n);
    // The client calls the metadata event's commit position its revision.
    expect(await client.getStreamMetadata(stream)).to.deep.equal({
      streamName: stream,
      metadata,
      metastreamRevision: positionOf(set),
    });
    await expectWrongVersion(
      client.setStreamMetadata(stream, { maxCount: 1 }, { expectedRevision: 'no_stream' }),
      { streamName: `$$${stream}`, expectedVersion: 'no_stream', actualVersion: 0n },
    );
    await client.setStreamMetadata(stream, { color: 'red' }, { expectedRevision: 0n });
    const replaced = await client.getStreamMetadata(stream);
    expect(replaced.metadata).to.deep.equal({ color: 'red' });
  });

  it('59 a metastream can be read and keeps its last event only', async () => {
    const { client } = subject;
    const { stream } = await streamOf(1);
    for (const maxCount of [10, 20, 30]) await client.setStreamMetadata(stream, { maxCount });
    for (const options of [{}, { direction: BACKWARDS, fromRevision: END }] as const) {
      const read = recorded(await collect(client.readStream(`$$${stream}`, options)));
      expect(read).to.have.length(1);
      expect(read[0]).to.deep.include({
        streamId: `$$${stream}`,
        revision: 2n,
        type: '$metadata',
        isJson: true,
        data: { $maxCount: 30 },
      });
    }
  });

  /** A new stream of so many events, with their ids and the last one's position. */
  async function streamOf(
    count: number,
  ): Promise<{ stream: string; ids: string[]; position: bigint }> {
    const stream = unique('stream');
    const written = events(count);
    const answer = await subject.client.appendToStream(stream, written);
    return { stream, ids: idsOf(written), position: positionOf(answer) };
  }
});

/** The ids in `$all` at a position: one. */
async function idsInAll(
  client: EventStoreDBClient,
  position: bigint,
  what: string,
): Promise<string[]> {
  const fromPosition = { commit: position, prepare: position };
  const read = recorded(await collect(client.readAll({ fromPosition, maxCount: 1 })));
  expect(read, what).to.have.length(1);
  return read.map(({ id }) => id);
}
