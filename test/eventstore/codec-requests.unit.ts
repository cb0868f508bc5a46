import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { expect } from 'chai';
import timestamps from 'google-protobuf/google/protobuf/timestamp_pb.js';
import { decodeRead } from '../../embedded/eventstore/codec/read-request.ts';
import {
  decodeAppend,
  decodeBatchAppend,
  decodeDelete,
  FieldError,
} from '../../embedded/eventstore/codec/requests.ts';
import { id, identifier, uuid } from './support/client-messages.ts';

/** The protobuf classes that the client itself uses say what the bytes mean. */
const { AppendReq, BatchAppendReq, DeleteReq, ReadReq } = streams;

describe('event store codec: requests', () => {
  it('a batch append, with every expected revision', () => {
    const deadline = timestamps.Timestamp.fromDate(new Date(1_700_000_000_500));
    const empty = new shared.Empty();
    const forms = [
      ['any', (options) => options.setAny(empty)],
      ['no_stream', (options) => options.setNoStream(empty)],
      ['stream_exists', (options) => options.setStreamExists(empty)],
      [0, (options) => options.setStreamPosition('0')],
      [7_000_000_000, (options) => options.setStreamPosition('7000000000')],
    ] satisfies [unknown, (options: streams.BatchAppendReq.Options) => unknown][];
    for (const [expected, set] of forms) {
      const options = new BatchAppendReq.Options();
      options.setStreamIdentifier(identifier('좌석-1'));
      options.setDeadline(deadline);
      set(options);
      const event = new BatchAppendReq.ProposedMessage();
      event.setId(uuid(id.toUpperCase()));
      event.getMetadataMap().set('type', 'SeatSold').set('content-type', 'application/json');
      event.setData(Buffer.from('{}'));
      event.setCustomMetadata(Buffer.from([0, 255]));
      const request = new BatchAppendReq();
      request.setCorrelationId(uuid(id));
      request.setOptions(options);
      request.setProposedMessagesList([event, event]);
      request.setIsFinal(true);
      const chunk = decodeBatchAppend(Buffer.from(request.serializeBinary()));
      expect(chunk.options).to.deep.equal({
        stream: '좌석-1',
        expected,
        hasExpected: true,
        deadlineMs: 1_700_000_000_500,
      });
      expect(chunk.problem).to.equal(undefined);
      expect(chunk.isFinal).to.equal(true);
      expect(chunk.correlation).to.deep.equal(Buffer.from(uuid(id).serializeBinary()));
      expect(chunk.events).to.have.length(2);
      expect(chunk.events[0]).to.deep.equal({
        id,
        type: 'SeatSold',
        contentType: 'application/json',
        data: Buffer.from('{}'),
        metadata: Buffer.from([0, 255]),
      });
    }
  });

  it('a structured UUID is the same id as its text', () => {
    const structured = new shared.UUID.Structured();
    structured.setMostSignificantBits(BigInt.asIntN(64, 0x0a1b2c3d4e5f4a6bn).toString());
    structured.setLeastSignificantBits(BigInt.asIntN(64, 0x8c7d9e0f1a2b3c4dn).toString());
    const message = new shared.UUID();
    message.setStructured(structured);
    const event = new AppendReq.ProposedMessage();
    event.setId(message);
    const request = new AppendReq();
    request.setProposedMessage(event);
    const decoded = decodeAppend(Buffer.from(request.serializeBinary()));
    expect(decoded).to.have.nested.property('event.id', id);
  });

  it('an id that is no UUID is refused', () => {
    const event = new AppendReq.ProposedMessage();
    event.setId(uuid('not-a-uuid'));
    const request = new AppendReq();
    request.setProposedMessage(event);
    expect(() => decodeAppend(Buffer.from(request.serializeBinary()))).to.throw(FieldError);
  });

  it('the options of an append and a delete', () => {
    const options = new AppendReq.Options();
    options.setStreamIdentifier(identifier('s'));
    options.setRevision('3');
    const append = new AppendReq();
    append.setOptions(options);
    expect(decodeAppend(Buffer.from(append.serializeBinary()))).to.deep.equal({
      options: { stream: 's', expected: 3 },
    });
    const deleteOptions = new DeleteReq.Options();
    deleteOptions.setStreamIdentifier(identifier('s'));
    deleteOptions.setNoStream(new shared.Empty());
    const request = new DeleteReq();
    request.setOptions(deleteOptions);
    const decoded = decodeDelete(Buffer.from(request.serializeBinary()));
    expect(decoded).to.deep.equal({ stream: 's', expected: 'no_stream' });
  });

  it('reads, where they begin, and how much they want', () => {
    const of = (change: (options: streams.ReadReq.Options) => void) => {
      const options = new ReadReq.Options();
      const uuids = new ReadReq.Options.UUIDOption();
      uuids.setString(new shared.Empty());
      options.setUuidOption(uuids);
      options.setNoFilter(new shared.Empty());
      options.setCount('1');
      change(options);
      const request = new ReadReq();
      request.setOptions(options);
      return decodeRead(Buffer.from(request.serializeBinary()));
    };
    const stream = new ReadReq.Options.StreamOptions();
    stream.setStreamIdentifier(identifier('s'));
    stream.setRevision('0');
    const backwards = of((options) => {
      options.setStream(stream);
      options.setReadDirection(1);
      options.setCount('12');
      options.setResolveLinks(true);
    });
    expect(backwards).to.deep.include({ stream: 's', revision: 0, backwards: true, count: 12 });
    expect(backwards.resolveLinks).to.equal(true);
    const all = new ReadReq.Options.AllOptions();
    const position = new ReadReq.Options.Position();
    position.setCommitPosition('4096');
    position.setPreparePosition('0');
    all.setPosition(position);
    const filter = new ReadReq.Options.FilterOptions();
    const expression = new ReadReq.Options.FilterOptions.Expression();
    expression.setPrefixList(['seat-', 'account-']);
    filter.setEventType(expression);
    filter.setCheckpointintervalmultiplier(3);
    filter.setCount(new shared.Empty());
    const subscription = of((options) => {
      options.setAll(all);
      options.setFilter(filter);
      options.setSubscription(new ReadReq.Options.SubscriptionOptions());
    });
    expect(subscription).to.deep.include({
      position: { commit: 4096, prepare: 0 },
      isSubscription: true,
      backwards: false,
    });
    expect(subscription.stream).to.equal(undefined);
    expect(subscription.filter).to.deep.equal({
      on: 'type',
      regex: '',
      prefixes: ['seat-', 'account-'],
      window: 32,
      checkpointInterval: 96,
    });
    position.setCommitPosition('18446744073709551615');
    position.setPreparePosition('18446744073709551615');
    expect(of((options) => options.setAll(all)).position).to.equal('end');
  });
});
