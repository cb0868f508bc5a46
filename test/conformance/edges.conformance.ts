import { binaryEvent, type EventData, jsonEvent } from '@eventstore/db-client';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import {
  collect,
  events,
  expectNotFound,
  expectWrongVersion,
  idsIn,
  idsOf,
  readEvents,
  unique,
} from './support/client.ts';
import { RawClient, readStreamRequest } from './support/raw.ts';
import { recording } from './support/recorder.ts';
import { useSubject } from './support/suite.ts';

describe('conformance: edges', () => {
  const subject = useSubject();

  it('88 without a revision, ids are known in any order; the last of them is the answer', async () => {
    const { client } = subject;
    for (const expectedRevision of ['any', 'stream_exists'] as const) {
      const stream = unique('any-order');
      const [a, b, c] = events(3) as [EventData, EventData, EventData];
      await client.appendToStream(stream, [a, b, c]);
      const again = async (proposed: EventData[]) => {
        const answer = await client.appendToStream(stream, proposed, { expectedRevision });
        return answer.nextExpectedRevision;
      };
      // A real server never answers [c, a]: it trips over a last revision so far below the first.
      expect(await again([b, a])).to.equal(0n);
      expect(await again([a, c])).to.equal(2n);
      await expectWrongVersion(again([b, ...events(1)]), {
        streamName: stream,
        expectedVersion: expectedRevision,
        actualVersion: 2n,
      });
      expect(await idsIn(client, stream)).to.deep.equal(idsOf([a, b, c]));
    }
  });

  it('89 no_stream on a soft-deleted stream: not for what begins with an old event, nor for nothing', async () => {
    const { client } = subject;
    const stream = unique('half-old');
    const [old, ...others] = events(3) as [EventData, ...EventData[]];
    await client.appendToStream(stream, [old, ...others]);
    await client.deleteStream(stream);
    const expectedRevision = 'no_stream';
    const wrong = {
      streamName: stream,
      expectedVersion: expectedRevision,
      actualVersion: 2n,
    } as const;
    for (const proposed of [[old, ...events(1)], []])
      await expectWrongVersion(
        client.appendToStream(stream, proposed, { expectedRevision }),
        wrong,
      );
    await expectNotFound(client, stream);
    const fresh = events(1);
    const answer = await client.appendToStream(stream, fresh, { expectedRevision });
    expect(answer.nextExpectedRevision).to.equal(3n);
    expect(await idsIn(client, stream)).to.deep.equal(idsOf(fresh));
  });

  it('90 no events at all bring a soft-deleted stream back, empty', async () => {
    const { client } = subject;
    const stream = unique('revived');
    await client.appendToStream(stream, events(2));
    await client.deleteStream(stream);
    await client.appendToStream(stream, [], { expectedRevision: 'any' });
    await eventually('it is there', () => readEvents(client, stream).catch(() => undefined));
    expect(await readEvents(client, stream)).to.deep.equal([]);
  });

  it('91 metadata with a value that is not understood says nothing at all', async () => {
    const { client } = subject;
    const shown = async (metadata: string) => {
      const stream = unique('misunderstood');
      await client.appendToStream(stream, events(4));
      // The client checks metadata, so the event is written as it is.
      const event = jsonEvent({ type: '$metadata', data: JSON.parse(metadata) });
      const binary = binaryEvent({ type: '$metadata', data: Buffer.from(metadata) });
      await client.appendToStream(`$$${stream}`, [metadata.startsWith(' ') ? binary : event]);
      return (await readEvents(client, stream)).length;
    };
    expect(await shown('{"$maxCount":2}')).to.equal(2);
    for (const value of ['2.5', '"2"', 'null', 'true', '[2]'])
      expect(await shown(`{"$maxCount":${value},"$tb":1}`), value).to.equal(4);
    expect(await shown('{"$maxCount":0,"$tb":1}'), 'none of its own').to.equal(3);
    expect(await shown('{"$maxCount":2,"$tmp":1}')).to.equal(4);
    expect(await shown('{"$maxCount":2,"$acl":{"$r":1}}')).to.equal(4);
    expect(await shown(' {"$maxCount":2}'), 'metadata that is no JSON event').to.equal(4);
  });

  it('92 truncateBefore 2^53 − 1 hides everything and deletes nothing', async () => {
    const { client } = subject;
    const stream = unique('all-hidden');
    await client.appendToStream(stream, events(3));
    await client.setStreamMetadata(stream, { truncateBefore: Number.MAX_SAFE_INTEGER });
    expect(await readEvents(client, stream)).to.deep.equal([]);
    const answer = await client.appendToStream(stream, events(1), { expectedRevision: 2n });
    expect(answer.nextExpectedRevision).to.equal(3n);
    expect(await readEvents(client, stream), 'still').to.deep.equal([]);
  });

  it('93 a link to what maxAge, maxCount or truncateBefore hides is broken', async () => {
    const { client } = subject;
    for (const metadata of [{ maxAge: 1 }, { maxCount: 1 }, { truncateBefore: 1 }]) {
      const [target, links] = [unique('hidden'), unique('links')];
      await client.appendToStream(target, events(2));
      await client.setStreamMetadata(target, metadata);
      await client.appendToStream(links, [link(`0@${target}`)]);
      const resolved = async () => {
        const [first] = await collect(client.readStream(links, { resolveLinkTos: true }));
        return [first?.event?.revision, first?.link?.revision];
      };
      await eventually('it is hidden', async () => (await resolved())[0] === undefined);
      expect(await resolved()).to.deep.equal([undefined, 0n]);
    }
  });

  it('94 an event of a link’s type that is no link: as it is in history, a broken link live', async () => {
    const { client } = subject;
    const links = unique('no-links');
    await client.appendToStream(links, [link('no link'), link('5')]);
    const shape = (resolved: { event?: { type: string }; link?: { type: string } }) => [
      resolved.event?.type,
      resolved.link?.type,
    ];
    const expected = [
      ['$>', undefined],
      [undefined, '$>'],
    ];
    const read = await collect(client.readStream(links, { resolveLinkTos: true }));
    expect(read.map(shape)).to.deep.equal(expected);
    await recording(client.subscribeToStream(links, { resolveLinkTos: true }), async (recorder) => {
      await recorder.caughtUp();
      await client.appendToStream(links, [link('no link'), link('5')]);
      await recorder.count(4);
      const live = [undefined, '$>'];
      expect(recorder.delivered.map(shape)).to.deep.equal([...expected, live, live]);
    });
  });

  it('95 a link to −1 is one to the last event', async () => {
    const { client } = subject;
    const [target, links] = [unique('last'), unique('links')];
    const written = events(3);
    await client.appendToStream(target, written);
    await client.appendToStream(links, [link(`-1@${target}`)]);
    const [resolved] = await collect(client.readStream(links, { resolveLinkTos: true }));
    expect(resolved?.event?.id).to.equal(written[2]?.id);
  });

  it('96 a subscription to a tombstoned stream ends with its deletion', async () => {
    const { client } = subject;
    const stream = unique('gone');
    await client.appendToStream(stream, events(2));
    await client.tombstoneStream(stream);
    const raw = new RawClient(subject.url);
    try {
      const call = raw.read(
        readStreamRequest(stream, (options) =>
          options.setSubscription(new streamsPb.ReadReq.Options.SubscriptionOptions()),
        ),
      );
      const { code, metadata } = await call.ended();
      expect([code, metadata.get('exception')]).to.deep.equal([
        status.FAILED_PRECONDITION,
        ['stream-deleted'],
      ]);
      expect(call.steps, 'not even confirmed').to.deep.equal([]);
    } finally {
      raw.close();
    }
  });
});

function link(data: string): EventData {
  return binaryEvent({ type: '$>', data: Buffer.from(data) });
}
