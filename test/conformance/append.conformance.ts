import {
  binaryEvent,
  DeadlineExceededError,
  type EventData,
  jsonEvent,
  StreamDeletedError,
} from '@eventstore/db-client';
import { expect } from 'chai';
import {
  batch,
  bothWays,
  events,
  expectError,
  expectNotFound,
  expectWrongVersion,
  idsIn,
  idsOf,
  readEvents,
  rejection,
  unary,
  unique,
} from './support/client.ts';
import { useSubject } from './support/suite.ts';

describe('conformance: append', () => {
  const subject = useSubject();

  it('19 a tombstoned stream → StreamDeleted, whatever revision is expected', async () => {
    const { client } = subject;
    const stream = unique('tombstoned');
    await client.appendToStream(stream, events(1));
    await client.tombstoneStream(stream);
    for (const { options } of bothWays) {
      for (const expectedRevision of ['any', 'no_stream', 'stream_exists', 0n] as const) {
        const error = await rejection(
          client.appendToStream(stream, events(1), { ...options, expectedRevision }),
        );
        expectError(error, StreamDeletedError, { streamName: stream });
      }
    }
  });

  it('20 a deadline that has passed → DeadlineExceeded, nothing written', async () => {
    const { client } = subject;
    for (const { name, options } of bothWays) {
      const stream = unique(`late-${name}`);
      const late = client.appendToStream(stream, events(1), { ...options, deadline: -1_000 });
      expectError(await rejection(late), DeadlineExceededError);
      await expectNotFound(client, stream);
    }
  });

  it('21 10,000 concurrent appends → revisions 0…9999, none twice, none missing', async function () {
    this.timeout(60_000);
    const { client } = subject;
    const stream = unique('concurrent');
    const proposed = events(10_000);
    const answers = await Promise.all(
      proposed.map((event) => client.appendToStream(stream, event, { expectedRevision: 'any' })),
    );
    const read = await readEvents(client, stream);
    expect(read).to.have.length(10_000);
    const byRevision = new Map(
      answers.map((answer, index) => [answer.nextExpectedRevision, { answer, index }]),
    );
    expect(byRevision.size).to.equal(10_000);
    for (const [index, event] of read.entries()) {
      expect(event.revision).to.equal(BigInt(index));
      const answered = byRevision.get(event.revision);
      expect(event.id).to.equal(proposed[answered?.index ?? -1]?.id);
      expect(event.position?.commit).to.equal(answered?.answer.position?.commit);
    }
  });

  it('22 two writers with the same expected revision → exactly one wins', async () => {
    const { client, other } = subject;
    for (const [a, b] of [
      [batch, batch],
      [batch, unary],
      [unary, unary],
    ] as const) {
      const stream = unique('race');
      let revision: bigint | 'no_stream' = 'no_stream';
      const winners: string[] = [];
      for (let round = 0; round < 20; round++) {
        const [mine, theirs] = [events(1), events(1)];
        const outcomes = await Promise.allSettled([
          client.appendToStream(stream, mine, { ...a.options, expectedRevision: revision }),
          other.appendToStream(stream, theirs, { ...b.options, expectedRevision: revision }),
        ]);
        const won = outcomes.findIndex(({ status }) => status === 'fulfilled');
        const lost = outcomes[1 - won] as PromiseRejectedResult;
        expect(outcomes.map(({ status }) => status).sort()).to.deep.equal([
          'fulfilled',
          'rejected',
        ]);
        await expectWrongVersion(Promise.reject(lost.reason), {
          streamName: stream,
          expectedVersion: revision,
          actualVersion: BigInt(round),
        });
        revision = BigInt(round);
        winners.push(...idsOf(won === 0 ? mine : theirs));
      }
      expect(await idsIn(client, stream)).to.deep.equal(winners);
    }
  });

  it('23 Unicode, binary and absent metadata come back equal', async () => {
    const { client } = subject;
    const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const unicode = { 제목: '콘서트 🎟️', 'a"\\\n\u0000': ['\u2028', 'é', 'é'], n: 1.5, nil: null };
    const proposed: EventData[] = [
      jsonEvent({ type: '좌석예약됨', data: unicode, metadata: unicode }),
      binaryEvent({ type: 'Bytes', data: everyByte, metadata: everyByte }),
      binaryEvent({ type: 'Empty', data: new Uint8Array() }),
      jsonEvent({ type: 'Bare', data: [] }),
    ];
    for (const { name, options } of bothWays) {
      const stream = unique(`스트림/🎫 ${name}`);
      await client.appendToStream(stream, proposed, options);
      const read = await readEvents(client, stream);
      for (const [index, event] of read.entries()) {
        const sent = proposed[index] as EventData;
        expect(event).to.deep.include({ streamId: stream, id: sent.id, type: sent.type });
        expect(event.isJson).to.equal(sent.contentType === 'application/json');
        if (event.isJson) expect(event.data).to.deep.equal(sent.data);
        else
          expect(Buffer.from(event.data as Uint8Array)).to.deep.equal(
            Buffer.from(sent.data as Uint8Array),
          );
      }
      expect(read).to.have.length(4);
      expect(read[0]?.metadata).to.deep.equal(unicode);
      expect(Buffer.from(read[1]?.metadata as Uint8Array)).to.deep.equal(Buffer.from(everyByte));
      expect(read[2]?.metadata).to.equal(undefined);
      expect(read[3]?.metadata).to.equal(undefined);
    }
  });

  // The client shows revision 0 for an answer that says "no stream". A real server gives a position
  // here, we need not.
  it('24 an empty array → accepted, nothing written', async () => {
    const { client } = subject;
    for (const { name, options } of bothWays) {
      const stream = unique(`empty-${name}`);
      const missing = await client.appendToStream(stream, [], options);
      expect(missing).to.deep.include({ success: true, nextExpectedRevision: 0n });
      await expectNotFound(client, stream);
      const three = events(3);
      await client.appendToStream(stream, three, { ...options, expectedRevision: 'no_stream' });
      for (const expectedRevision of ['any', 2n] as const) {
        const there = await client.appendToStream(stream, [], { ...options, expectedRevision });
        expect(there).to.deep.include({ success: true, nextExpectedRevision: 2n });
      }
      await expectWrongVersion(
        client.appendToStream(stream, [], { ...options, expectedRevision: 9n }),
        { streamName: stream, expectedVersion: 9n, actualVersion: 2n },
      );
      expect(await idsIn(client, stream)).to.deep.equal(idsOf(three));
    }
  });
});
