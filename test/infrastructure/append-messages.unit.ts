import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import statusPb from '@eventstore/db-client/generated/status_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { expect } from 'chai';
import fc from 'fast-check';
import type { EventMetadata } from '../../src/events/events.ts';
import {
  decodeBatchAnswer,
  encodeAppend,
  encodeEvents,
  withCorrelation,
} from '../../src/infrastructure/eventstoredb/append-messages.ts';
import { foreignEvent } from '../support/foreign-event.ts';

const text = fc.string({ unit: 'grapheme' });
const events = fc.array(
  fc.record({
    id: fc.uuid(),
    event: fc.tuple(text, fc.dictionary(text, text)).map((one) => foreignEvent(...one)),
    metadata: fc.dictionary(text, fc.integer()).map((one) => one as typeof one & EventMetadata),
  }),
  { minLength: 1, maxLength: 5 },
);
const expected = fc.oneof(
  fc.constant('no_stream' as const),
  fc.bigInt(0n, 2n ** 53n - 1n),
  fc.bigInt(0n, 200n),
);
const uint64 = fc.oneof(fc.bigInt(0n, 300n), fc.bigInt(0n, 2n ** 63n - 1n));

describe('messages of appends', () => {
  it('say to the client’s generated classes what was appended', () => {
    fc.assert(
      fc.property(fc.uuid(), text, expected, events, (id, stream, revision, some) => {
        const append = encodeAppend(stream, revision, encodeEvents(stream, some, 1_000_000));
        const read = streamsPb.BatchAppendReq.deserializeBinary(withCorrelation(id, append));
        const options = read.getOptions();
        expect(read.getCorrelationId()?.getString()).to.equal(id);
        expect(read.getIsFinal()).to.equal(true);
        const name = options?.getStreamIdentifier()?.getStreamName_asU8();
        expect(Buffer.from(name ?? []).toString()).to.equal(stream);
        expect(options?.hasNoStream()).to.equal(revision === 'no_stream');
        expect(options?.hasDeadline()).to.equal(false);
        if (revision !== 'no_stream') {
          expect(options?.getStreamPosition()).to.equal(revision.toString());
        }
        const found = read.getProposedMessagesList().map((message) => ({
          id: message.getId()?.getString(),
          metadata: Object.fromEntries(message.getMetadataMap().toObject()),
          custom: Buffer.from(message.getCustomMetadata_asU8()).toString(),
          data: Buffer.from(message.getData_asU8()).toString(),
        }));
        expect(found).to.deep.equal(
          some.map(({ id: eventId, event, metadata }) => ({
            id: eventId,
            metadata: { type: event.type, 'content-type': 'application/json' },
            custom: JSON.stringify(metadata),
            data: JSON.stringify(event.data),
          })),
        );
      }),
    );
  });

  it('come back under the number that they were sent under, as text or as two halves', () => {
    const numbers = fc.integer({ min: 1, max: 2 ** 47 });
    fc.assert(
      fc.property(
        numbers,
        fc.boolean(),
        uint64,
        fc.option(uint64),
        (number, asText, at, position) => {
          const hex = `aaaabbbb-cccc-4ddd-aeee-${number.toString(16).padStart(12, '0')}`;
          const id = new sharedPb.UUID();
          if (asText) id.setString(hex);
          else {
            const halves = new sharedPb.UUID.Structured();
            const bits = BigInt(`0x${hex.replaceAll('-', '')}`);
            halves.setMostSignificantBits(BigInt.asIntN(64, bits >> 64n).toString());
            halves.setLeastSignificantBits(BigInt.asIntN(64, bits).toString());
            id.setStructured(halves);
          }
          const success = new streamsPb.BatchAppendResp.Success();
          success.setCurrentRevision(at.toString());
          if (position !== null) {
            const pair = new sharedPb.AllStreamPosition();
            pair.setCommitPosition(position.toString());
            pair.setPreparePosition('1');
            success.setPosition(pair);
          }
          const answer = new streamsPb.BatchAppendResp();
          answer.setCorrelationId(id);
          answer.setSuccess(success);
          expect(decodeBatchAnswer(Buffer.from(answer.serializeBinary()))).to.deep.equal({
            number,
            success: { ok: true, revision: at, position: position ?? undefined },
            error: undefined,
          });
        },
      ),
    );
  });

  it('come back with why there is no success', () => {
    const status = new statusPb.Status();
    status.setCode(6);
    status.setMessage('WrongExpectedVersion');
    const answer = new streamsPb.BatchAppendResp();
    answer.setError(status);
    const { success, error } = decodeBatchAnswer(Buffer.from(answer.serializeBinary()));
    expect(success).to.equal(undefined);
    expect(error?.getMessage()).to.equal('WrongExpectedVersion');
    expect(error?.getCode()).to.equal(6);
  });
});
