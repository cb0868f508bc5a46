import {
  BACKWARDS,
  END,
  type EventStoreDBClient,
  type ExpectedRevision,
  StreamDeletedError,
  StreamNotFoundError,
} from '@eventstore/db-client';
import { expect } from 'chai';
import {
  batch,
  bothWays,
  collect,
  events,
  expectError,
  expectNotFound,
  expectWrongVersion,
  idsIn,
  idsOf,
  positionOf,
  readEvents,
  recorded,
  rejection,
  unique,
} from './support/client.ts';
import { isReal, useSubject } from './support/suite.ts';

/** $tb of a deleted stream. The client reads it as a number, which rounds it. */
const deleted = Number(2n ** 63n - 1n);

describe('conformance: delete', () => {
  const subject = useSubject();

  it('51 a soft delete → StreamNotFound, $tb in the metadata, the events still in $all', async () => {
    const { client } = subject;
    for (const expectedRevision of ['any', 2n] as const) {
      const { stream, ids, position } = await streamOf(3);
      const answer = await client.deleteStream(stream, { expectedRevision });
      expect(positionOf(answer) > position).to.equal(true);
      await expectNotFound(client, stream);
      const last = { direction: BACKWARDS, fromRevision: END, maxCount: 1 } as const;
      const error = await rejection(collect(client.readStream(stream, last)));
      expectError(error, StreamNotFoundError, { streamName: stream });
      const { metadata } = await client.getStreamMetadata(stream);
      expect(metadata).to.deep.include({ truncateBefore: deleted });
      expect(await idsInAll(client, position, 'the last of three')).to.deep.equal([ids[2]]);
    }
  });

  it('52 appending again continues the revisions and hides the old events', async () => {
    const { client } = subject;
    for (const { options } of bothWays) {
      for (const expectedRevision of ['any', 'no_stream', 2n] as const) {
        const { stream } = await streamOf(3);
        await client.deleteStream(stream);
        const again = events(2);
        const answer = await client.appendToStream(stream, again, { ...options, expectedRevision });
        expect(answer.nextExpectedRevision).to.equal(4n);
        const read = await readEvents(client, stream);
        expect(read.map(({ id }) => id)).to.deep.equal(idsOf(again));
        expect(read.map(({ revision }) => revision)).to.deep.equal([3n, 4n]);
        const { metadata } = await client.getStreamMetadata(stream);
        expect(metadata).to.deep.include({ truncateBefore: 3 });
        await client.appendToStream(stream, events(1), { ...options, expectedRevision: 4n });
        expect(await idsIn(client, stream)).to.have.length(3);
      }
      const { stream } = await streamOf(1);
      await client.deleteStream(stream);
      const exists = { ...options, expectedRevision: 'stream_exists' } as const;
      const error = await rejection(client.appendToStream(stream, events(1), exists));
      expectError(error, StreamDeletedError, { streamName: stream });
    }
  });

  // Servers tell the revision of a stream that is not there as −1 here, and "any" and "no stream"
  // as −2 and −1.
  it('53 deleting what never existed → wrong version', async () => {
    const { client } = subject;
    for (const [expectedRevision, expectedVersion] of [
      ['any', -2n],
      ['no_stream', -1n],
      [0n, 0n],
      [5n, 5n],
    ] as [ExpectedRevision, bigint][]) {
      const stream = unique('never');
      await expectWrongVersion(client.deleteStream(stream, { expectedRevision }), {
        streamName: stream,
        expectedVersion,
        actualVersion: -1n,
      });
      expect(await client.getStreamMetadata(stream)).to.deep.equal({ streamName: stream });
      const { nextExpectedRevision } = await client.appendToStream(stream, events(1), {
        expectedRevision: 'no_stream',
      });
      expect(nextExpectedRevision).to.equal(0n);
    }
  });

  it('54 deleting a stream of metadata only → deleted', async () => {
    const { client } = subject;
    for (const expectedRevision of ['no_stream', 'any'] as const) {
      const stream = unique('metadata-only');
      await client.setStreamMetadata(stream, { maxCount: 5 });
      positionOf(await client.deleteStream(stream, { expectedRevision }));
      await expectNotFound(client, stream);
      const { metadata } = await client.getStreamMetadata(stream);
      expect(metadata).to.deep.include({ truncateBefore: deleted });
      const first = await client.appendToStream(stream, events(1));
      expect(first.nextExpectedRevision).to.equal(0n);
      // A real one (24.10.4) goes on hiding it, as the metadata says.
      if (!isReal) expect(await idsIn(client, stream)).to.have.length(1);
    }
  });

  it('55 deleting with a wrong revision → wrong version, nothing deleted', async () => {
    const { client } = subject;
    const { stream, ids } = await streamOf(3);
    for (const [expectedRevision, expectedVersion] of [
      ['no_stream', -1n],
      [1n, 1n],
      [9n, 9n],
    ] as [ExpectedRevision, bigint][]) {
      const expected = { streamName: stream, expectedVersion, actualVersion: 2n };
      await expectWrongVersion(client.deleteStream(stream, { expectedRevision }), expected);
      await expectWrongVersion(client.tombstoneStream(stream, { expectedRevision }), expected);
    }
    expect(await idsIn(client, stream)).to.deep.equal(ids);
  });

  it('56 a tombstone with no_stream on a missing one → deleted for ever', async () => {
    const { client } = subject;
    const stream = unique('tombstone');
    positionOf(await client.tombstoneStream(stream, { expectedRevision: 'no_stream' }));
    for (const attempt of [
      () => collect(client.readStream(stream)),
      () => collect(client.readStream(stream, { direction: BACKWARDS, fromRevision: END })),
      () => client.appendToStream(stream, events(1), batch.options),
      () => client.tombstoneStream(stream),
      () => client.deleteStream(stream),
    ]) {
      expectError(await rejection(attempt()), StreamDeletedError, { streamName: stream });
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
