import shared from '@eventstore/db-client/generated/shared_pb.js';
import type status from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { expect } from 'chai';
import fc from 'fast-check';
import timestamps from 'google-protobuf/google/protobuf/timestamp_pb.js';
import { decodeRead } from '../../embedded/eventstore/codec/read-request.ts';
import {
  encodeStoredEvent,
  viewStoredEvent,
} from '../../embedded/eventstore/codec/recorded-event.ts';
import {
  decodeAppend,
  decodeBatchAppend,
  decodeDelete,
  FieldError,
} from '../../embedded/eventstore/codec/requests.ts';
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
import {
  maxRevision,
  numberField,
  varintLength,
  WireError,
  WireReader,
  writeVarint,
} from '../../embedded/eventstore/codec/wire.ts';

/** The protobuf classes that the client itself uses say what the bytes mean. */
const { AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp } = streams;
const { ReadReq, ReadResp } = streams;

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 });
const number = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.maxSafeNat().filter((value) => value < maxRevision),
  fc.constantFrom(127, 128, 2 ** 28 - 1, 2 ** 28, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 2),
);
const proposed = fc.record({
  id: fc.uuid(),
  type: text,
  contentType: fc.constantFrom('application/json', 'application/octet-stream'),
  data: bytes,
  metadata: bytes,
});

describe('event store codec: numbers', () => {
  it('come back as they were written, in the bytes that were counted', () => {
    fc.assert(
      fc.property(number, (value) => {
        const buffer = Buffer.alloc(12);
        expect(writeVarint(buffer, value, 1) - 1).to.equal(varintLength(value));
        const field = numberField(5, value);
        const reader = new WireReader(field);
        expect(reader.next()).to.equal(true);
        expect([reader.field, reader.varint(), reader.next()]).to.deep.equal([5, value, false]);
      }),
    );
  });

  it('the tombstone’s revision is 2^63 − 1 on the wire', () => {
    const position = new ReadReq.Options.Position();
    position.setCommitPosition('9223372036854775807');
    expect(numberField(1, maxRevision)).to.deep.equal(Buffer.from(position.serializeBinary()));
    const reader = new WireReader(numberField(1, maxRevision));
    reader.next();
    expect(reader.varint()).to.equal(maxRevision);
  });

  it('refuses what is cut off or too long', () => {
    for (const broken of [
      [0x08, 0x80],
      [0x0a, 0x05, 1],
      [0x08, ...Array(11).fill(0xff)],
    ]) {
      const reader = new WireReader(Buffer.from(broken));
      reader.next();
      expect(() => reader.skip()).to.throw(WireError);
    }
  });
});

describe('event store codec: stored events', () => {
  it('are ReadResp messages that the client reads as proposed', () => {
    fc.assert(
      fc.property(proposed, text, number, number, (event, stream, revision, position) => {
        const createdMs = 1_700_000_000_123;
        const message = encodeStoredEvent(event, { stream, revision, position, createdMs });
        const read = ReadResp.deserializeBinary(message).getEvent();
        const recorded = read?.getEvent();
        expect(read?.getCommitPosition()).to.equal(String(position));
        expect(recorded?.getId()?.getString()).to.equal(event.id);
        const name = recorded?.getStreamIdentifier()?.getStreamName_asU8() ?? [];
        expect(Buffer.from(name)).to.deep.equal(Buffer.from(stream));
        expect(recorded?.getStreamRevision()).to.equal(String(revision));
        expect(recorded?.getCommitPosition()).to.equal(String(position));
        expect(recorded?.getPreparePosition()).to.equal(String(position));
        expect(recorded?.getMetadataMap().toObject()).to.have.deep.members([
          ['type', Buffer.from(event.type).toString()],
          ['content-type', event.contentType],
          ['created', '17000000001230000'],
        ]);
        expect(Buffer.from(recorded?.getData_asU8() ?? [])).to.deep.equal(event.data);
        expect(Buffer.from(recorded?.getCustomMetadata_asU8() ?? [])).to.deep.equal(event.metadata);
      }),
    );
  });

  it('can be taken apart again', () => {
    fc.assert(
      fc.property(proposed, text, number, number, (event, stream, revision, position) => {
        const placement = { stream, revision, position, createdMs: 1_700_000_000_123 };
        const view = viewStoredEvent(encodeStoredEvent(event, placement));
        const name = Buffer.from(stream).toString();
        expect(view).to.include({ ...placement, stream: name, id: event.id });
        expect(view.type).to.equal(Buffer.from(event.type).toString());
        expect(view.data).to.deep.equal(event.data);
        const { RecordedEvent } = ReadResp.ReadEvent;
        expect(RecordedEvent.deserializeBinary(view.recorded).getId()?.getString()).to.equal(
          event.id,
        );
      }),
    );
  });
});

function identifier(name: string) {
  const stream = new shared.StreamIdentifier();
  stream.setStreamName(Buffer.from(name));
  return stream;
}

function uuid(id: string) {
  const message = new shared.UUID();
  message.setString(id);
  return message;
}

const id = '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d';

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
