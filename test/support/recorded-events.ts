import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb, { type ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import fc from 'fast-check';
import { anyCharacter } from './any-character.ts';

const uint64 = fc.oneof(
  fc.bigInt(0n, 1_000n),
  fc.bigInt(2n ** 31n - 2n, 2n ** 32n + 2n),
  fc.bigInt(0n, 2n ** 63n - 1n),
);
const bytes = fc.oneof(
  fc.json().map((json) => Buffer.from(json)),
  fc
    .dictionary(fc.string({ unit: anyCharacter }), fc.string({ unit: anyCharacter }))
    .map((data) => Buffer.from(JSON.stringify(data))),
  fc.uint8Array({ maxLength: 40 }).map((data) => Buffer.from(data)),
);

/** An event that an event store may have recorded. */
export const recorded = fc.record({
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

export type Recorded = typeof recorded extends fc.Arbitrary<infer T> ? T : never;

/** The message in which the event store sends this event. */
export function response(given: Recorded): ReadResp {
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
