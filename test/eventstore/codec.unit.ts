import streams from '@eventstore/db-client/generated/streams_pb.js';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  encodeStoredEvent,
  viewStoredEvent,
} from '../../embedded/eventstore/codec/recorded-event.ts';
import {
  maxRevision,
  numberField,
  varintLength,
  WireError,
  WireReader,
  writeVarint,
} from '../../embedded/eventstore/codec/wire.ts';
import { number, proposed, text } from './support/values.ts';

/** The protobuf classes that the client itself uses say what the bytes mean. */
const { ReadReq, ReadResp } = streams;

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
