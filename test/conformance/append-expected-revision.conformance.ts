import type { EventData, EventStoreDBClient } from '@eventstore/db-client';
import { expect } from 'chai';
import {
  batch,
  events,
  expectNotFound,
  expectWrongVersion,
  idsIn,
  idsOf,
  positionOf,
  readEvents,
  unary,
  unique,
  type Way,
} from './support/client.ts';
import { useSubject } from './support/suite.ts';

type Case = (client: EventStoreDBClient, way: Way) => Promise<void>;

/** Cases 1 to 8, which the client can send by BatchAppend and by the unary Append. */
const expectedRevisions: Record<string, Case> = {
  async '01 any on a new stream → revision 0 and a position'(client, { options }) {
    const stream = unique('new');
    const [event] = events(1) as [EventData];
    const before = Date.now();
    const answer = await client.appendToStream(stream, event, {
      ...options,
      expectedRevision: 'any',
    });
    expect(answer.success).to.equal(true);
    expect(answer.nextExpectedRevision).to.equal(0n);
    const [read, ...more] = await readEvents(client, stream);
    expect(more).to.deep.equal([]);
    expect(read).to.deep.include({
      id: event.id,
      streamId: stream,
      revision: 0n,
      type: 'Happened',
      isJson: true,
      data: { number: 0 },
      metadata: { by: 'conformance' },
    });
    expect(read?.position?.commit).to.equal(positionOf(answer));
    // A server on another machine has another clock: a minute is enough to tell a time from a wrong
    // unit.
    expect(read?.created.getTime()).to.be.within(before - 60_000, Date.now() + 60_000);
  },

  async "02 three events → revision 2 and the last one's position"(client, { options }) {
    const stream = unique('three');
    const three = events(3);
    const answer = await client.appendToStream(stream, three, {
      ...options,
      expectedRevision: 'any',
    });
    expect(answer.nextExpectedRevision).to.equal(2n);
    const read = await readEvents(client, stream);
    expect(read.map(({ id }) => id)).to.deep.equal(idsOf(three));
    expect(read.map(({ revision }) => revision)).to.deep.equal([0n, 1n, 2n]);
    expect(read[2]?.position?.commit).to.equal(positionOf(answer));
  },

  async '03 no_stream on an existing one → wrong version with the actual number'(client, way) {
    const stream = unique('exists');
    const three = events(3);
    await client.appendToStream(stream, three, way.options);
    await expectWrongVersion(
      client.appendToStream(stream, events(1), { ...way.options, expectedRevision: 'no_stream' }),
      { streamName: stream, expectedVersion: 'no_stream', actualVersion: 2n },
    );
    expect(await idsIn(client, stream)).to.deep.equal(idsOf(three));
  },

  async '04 stream_exists on a missing one → wrong version, no stream'(client, { options }) {
    const stream = unique('missing');
    const expectingIt = { ...options, expectedRevision: 'stream_exists' } as const;
    await expectWrongVersion(client.appendToStream(stream, events(1), expectingIt), {
      streamName: stream,
      expectedVersion: 'stream_exists',
      actualVersion: 'no_stream',
    });
    await expectNotFound(client, stream);
    await client.appendToStream(stream, events(1), options);
    const answer = await client.appendToStream(stream, events(1), expectingIt);
    expect(answer.nextExpectedRevision).to.equal(1n);
  },

  async '05 the exact revision → appended after it'(client, { options }) {
    const stream = unique('exact');
    const all = events(4);
    const first = await client.appendToStream(stream, all.slice(0, 1), {
      ...options,
      expectedRevision: 'no_stream',
    });
    const second = await client.appendToStream(stream, all.slice(1, 3), {
      ...options,
      expectedRevision: first.nextExpectedRevision,
    });
    const third = await client.appendToStream(stream, all.slice(3), {
      ...options,
      expectedRevision: second.nextExpectedRevision,
    });
    const revisions = [first, second, third].map((answer) => answer.nextExpectedRevision);
    expect(revisions).to.deep.equal([0n, 2n, 3n]);
    expect(
      positionOf(first) < positionOf(second) && positionOf(second) < positionOf(third),
    ).to.equal(true);
    expect(await idsIn(client, stream)).to.deep.equal(idsOf(all));
  },

  async '06 a revision ahead → wrong version, nothing written'(client, { options }) {
    const stream = unique('ahead');
    const one = events(1);
    await client.appendToStream(stream, one, options);
    await expectWrongVersion(
      client.appendToStream(stream, events(1), { ...options, expectedRevision: 5n }),
      { streamName: stream, expectedVersion: 5n, actualVersion: 0n },
    );
    expect(await idsIn(client, stream)).to.deep.equal(idsOf(one));
  },

  async '07 a revision behind with new ids → wrong version, nothing written'(client, way) {
    const stream = unique('behind');
    const three = events(3);
    await client.appendToStream(stream, three, way.options);
    for (const expectedRevision of [0n, 1n]) {
      await expectWrongVersion(
        client.appendToStream(stream, events(1), { ...way.options, expectedRevision }),
        { streamName: stream, expectedVersion: expectedRevision, actualVersion: 2n },
      );
    }
    expect(await idsIn(client, stream)).to.deep.equal(idsOf(three));
  },

  async '08 a number on a missing stream → wrong version, no stream'(client, { options }) {
    const stream = unique('never');
    for (const expectedRevision of [0n, 7n]) {
      await expectWrongVersion(
        client.appendToStream(stream, events(1), { ...options, expectedRevision }),
        { streamName: stream, expectedVersion: expectedRevision, actualVersion: 'no_stream' },
      );
    }
    await expectNotFound(client, stream);
  },
};

describe('conformance: append, expected revisions', () => {
  const subject = useSubject();

  for (const [name, test] of Object.entries(expectedRevisions)) {
    it(name, () => test(subject.client, batch));
  }

  for (const [name, test] of Object.entries(expectedRevisions)) {
    it(`09 by unary Append, ${name}`, () => test(subject.client, unary));
  }
});
