import shared from '@eventstore/db-client/generated/shared_pb.js';
import type status from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  encodeStoredEvent,
  viewStoredEvent,
} from '../../embedded/eventstore/codec/recorded-event.ts';
import {
  appended,
  appendWrongExpectedVersion,
  batchAppended,
  batchRefused,
  caughtUp,
  checkpointReached,
  deleted,
  resolvedLink,
  streamNotFound,
  subscriptionConfirmed,
  wrongExpectedVersionDetails,
} from '../../embedded/eventstore/codec/responses.ts';
import { id, uuid } from './support/client-messages.ts';
import { number } from './support/values.ts';

/** The protobuf classes that the client itself uses say what the bytes mean. */
const { AppendResp, BatchAppendResp, DeleteResp, ReadResp } = streams;

describe('event store codec: responses', () => {
  const echo = { correlation: Buffer.from(uuid(id).serializeBinary()), stream: '좌석-1' };

  it('a batch append that was written', () => {
    fc.assert(
      fc.property(number, number, (revision, position) => {
        const response = BatchAppendResp.deserializeBinary(batchAppended(echo, revision, position));
        const success = response.getSuccess();
        expect(response.getCorrelationId()?.getString()).to.equal(id);
        expect(success?.getCurrentRevision()).to.equal(String(revision));
        expect(success?.getPosition()?.getCommitPosition()).to.equal(String(position));
        expect(success?.getPosition()?.getPreparePosition()).to.equal(String(position));
        const name = response.getStreamIdentifier()?.getStreamName_asU8() ?? [];
        expect(Buffer.from(name).toString()).to.equal('좌석-1');
      }),
    );
    const empty = BatchAppendResp.deserializeBinary(batchAppended(echo, -1)).getSuccess();
    expect([empty?.hasNoStream(), empty?.hasNoPosition()]).to.deep.equal([true, true]);
  });

  it('a batch append that was refused carries one Any', () => {
    const response = BatchAppendResp.deserializeBinary(
      batchRefused(echo, {
        code: 6,
        message: 'WrongExpectedVersion',
        type: 'WrongExpectedVersion',
        details: wrongExpectedVersionDetails('no_stream', 4),
      }),
    );
    const error = response.getError() as status.Status;
    const details = error
      .getDetails()
      ?.unpack(
        shared.WrongExpectedVersion.deserializeBinary,
        'event_store.client.WrongExpectedVersion',
      );
    expect([error.getCode(), error.getMessage()]).to.deep.equal([6, 'WrongExpectedVersion']);
    expect(details?.getCurrentStreamRevision()).to.equal('4');
    expect(details?.hasExpectedNoStream()).to.equal(true);
    expect(response.hasStreamIdentifier()).to.equal(true);
  });

  it('a unary append', () => {
    const success = AppendResp.deserializeBinary(appended(2, 300)).getSuccess();
    expect(success?.getCurrentRevision()).to.equal('2');
    expect(success?.getPosition()?.getCommitPosition()).to.equal('300');
    const wrong = AppendResp.deserializeBinary(appendWrongExpectedVersion(5, -1));
    expect(wrong.getWrongExpectedVersion()?.hasCurrentNoStream()).to.equal(true);
    expect(wrong.getWrongExpectedVersion()?.getExpectedRevision()).to.equal('5');
  });

  it('what a read and a subscription say beside events', () => {
    const read = (message: Buffer) => ReadResp.deserializeBinary(message);
    expect(read(caughtUp).hasCaughtUp()).to.equal(true);
    const places = [
      { commit: 77, prepare: 0 },
      { commit: -1, prepare: -1 },
    ].map((place) => read(checkpointReached(place)).getCheckpoint()?.toObject());
    expect(places).to.deep.equal([
      { commitPosition: '77', preparePosition: '0' },
      { commitPosition: '18446744073709551615', preparePosition: '18446744073709551615' },
    ]);
    expect(read(subscriptionConfirmed('x')).getConfirmation()?.getSubscriptionId()).to.equal('x');
    const missing = read(streamNotFound('없는')).getStreamNotFound()?.getStreamIdentifier();
    expect(Buffer.from(missing?.getStreamName_asU8() ?? []).toString()).to.equal('없는');
    expect(DeleteResp.deserializeBinary(deleted(9)).getPosition()?.getCommitPosition()).to.equal(
      '9',
    );
  });

  it('a link comes with its event, a broken one alone', () => {
    const event = { id, type: '$>', contentType: 'application/json', data: Buffer.from('0@s') };
    const placement = { stream: 'links', revision: 0, position: 64, createdMs: 0 };
    const stored = encodeStoredEvent({ ...event, metadata: Buffer.alloc(0) }, placement);
    const { recorded } = viewStoredEvent(stored);
    const resolved = ReadResp.deserializeBinary(resolvedLink(recorded, recorded, 64)).getEvent();
    expect([resolved?.hasEvent(), resolved?.hasLink()]).to.deep.equal([true, true]);
    const broken = ReadResp.deserializeBinary(resolvedLink(undefined, recorded, 64)).getEvent();
    expect([broken?.hasEvent(), broken?.hasLink()]).to.deep.equal([false, true]);
    expect(broken?.getCommitPosition()).to.equal('64');
  });
});
