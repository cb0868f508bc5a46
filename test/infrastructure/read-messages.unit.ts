import { convertGrpcEvent } from '@eventstore/db-client/dist/utils/index.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb, { type ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { expect } from 'chai';
import fc from 'fast-check';
import { toRecorded } from '../../src/infrastructure/eventstoredb/read.ts';
import { decodeReadMessage } from '../../src/infrastructure/eventstoredb/read-messages.ts';

const uint64 = fc.oneof(
  fc.bigInt(0n, 1_000n),
  fc.bigInt(2n ** 31n - 2n, 2n ** 32n + 2n),
  fc.bigInt(0n, 2n ** 63n - 1n),
);
const bytes = fc.oneof(
  fc.json().map((json) => Buffer.from(json)),
  fc
    .dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }))
    .map((data) => Buffer.from(JSON.stringify(data))),
  fc.uint8Array({ maxLength: 40 }).map((data) => Buffer.from(data)),
);

const recorded = fc.record({
  id: fc.uuid(),
  stream: fc.string({ unit: 'grapheme', minLength: 1 }),
  revision: uint64,
  position: uint64,
  type: fc.string({ unit: 'grapheme', minLength: 1 }),
  /** 100 ns since the epoch, as .NET writes it. */
  created: fc.bigInt(0n, 40_000_000_000_000_000n),
  contentType: fc.constantFrom('application/json', 'application/octet-stream'),
  data: bytes,
  metadata: bytes,
});

type Recorded = typeof recorded extends fc.Arbitrary<infer T> ? T : never;

function response(given: Recorded): ReadResp {
  const event = new streamsPb.ReadResp.ReadEvent.RecordedEvent();
  const id = new sharedPb.UUID();
  id.setString(given.id);
  event.setId(id);
  const stream = new sharedPb.StreamIdentifier();
  stream.setStreamName(Buffer.from(given.stream));
  event.setStreamIdentifier(stream);
  event.setStreamRevision(given.revision.toString());
  event.setPreparePosition(given.position.toString());
  event.setCommitPosition(given.position.toString());
  event
    .getMetadataMap()
    .set('type', given.type)
    .set('content-type', given.contentType)
    .set('created', given.created.toString());
  event.setData(given.data);
  event.setCustomMetadata(given.metadata);
  const read = new streamsPb.ReadResp.ReadEvent();
  read.setEvent(event);
  read.setCommitPosition(given.position.toString());
  const answer = new streamsPb.ReadResp();
  answer.setEvent(read);
  return answer;
}

const decoded = (answer: ReadResp) => decodeReadMessage(Buffer.from(answer.serializeBinary()));

describe('messages of a subscription', () => {
  it('are the events that the client makes of the same bytes', () => {
    fc.assert(
      fc.property(recorded, (given) => {
        const answer = response(given);
        const { event } = convertGrpcEvent(answer.getEvent() as never);
        if (event === undefined) throw new Error('the client finds no event');
        const message = decoded(answer);
        expect(message).to.deep.equal({ kind: 'event', event: toRecorded(event) });
      }),
      { numRuns: 1_000 },
    );
  });

  it('are checkpoints, caught-up, the confirmation, and what needs no answer', () => {
    const checkpoint = new streamsPb.ReadResp.Checkpoint();
    checkpoint.setCommitPosition((2n ** 40n + 5n).toString());
    checkpoint.setPreparePosition('1');
    const of = (set: (answer: ReadResp) => void) => {
      const answer = new streamsPb.ReadResp();
      set(answer);
      return decoded(answer);
    };
    expect(of((answer) => answer.setCheckpoint(checkpoint))).to.deep.equal({
      kind: 'checkpoint',
      position: { commit: 2n ** 40n + 5n, prepare: 1n },
    });
    expect(of((answer) => answer.setCaughtUp(new streamsPb.ReadResp.CaughtUp()))).to.deep.equal({
      kind: 'caught-up',
    });
    expect(of((answer) => answer.setFellBehind(new streamsPb.ReadResp.FellBehind()))).to.deep.equal(
      {
        kind: 'other',
      },
    );
    const confirmation = new streamsPb.ReadResp.SubscriptionConfirmation();
    confirmation.setSubscriptionId('x');
    expect(of((answer) => answer.setConfirmation(confirmation))).to.deep.equal({
      kind: 'confirmed',
    });
    expect(of(() => {})).to.deep.equal({ kind: 'other' });
  });

  it('fail when the bytes are cut off', () => {
    fc.assert(
      fc.property(recorded, (given) => {
        const bytes = Buffer.from(response(given).serializeBinary());
        expect(() => decodeReadMessage(bytes.subarray(0, bytes.length >> 1))).to.throw();
      }),
    );
  });
});
