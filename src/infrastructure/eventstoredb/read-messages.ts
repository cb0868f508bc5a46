import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb, { type ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import protobuf from 'protobufjs/minimal.js';
import { EventStoreRefused, type LogMessage } from '../../commands/core/event-store.ts';
import { type RecordedEvent, recordedMs } from '../../events/codec.ts';
import type { LogPosition } from '../../events/log-position.ts';
import { endOf, logPosition, number64, text } from './wire.ts';

/**
 * A message of a subscription's call: a message of the port, the confirmation, or a message that
 * needs no action.
 */
export type ReadMessage<Event = RecordedEvent> =
  | LogMessage<Event>
  | { readonly kind: 'confirmed' }
  | { readonly kind: 'other' };

/** An event without any parsing. Its bytes are a part of the message's bytes. */
export interface RawEvent {
  readonly id: string;
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
  readonly type: string;
  /** The time of the event in the log, in steps of 100 ns since the epoch, in decimal. */
  readonly created: string;
  readonly contentType: string;
  readonly metadata: Uint8Array;
  readonly data: Uint8Array;
}

/**
 * `created` counts in 100 ns, so this many digits are below a millisecond. The whole value does not
 * fit into a number.
 */
const digitsBelowMs = 4;

/**
 * The request that the client's own `subscribeToAll` makes: every event of streams with these
 * prefixes.
 */
export function encodeSubscription(
  after: LogPosition | null,
  prefixes: readonly string[],
): ReadReq {
  const all = new streamsPb.ReadReq.Options.AllOptions();
  if (after === null) all.setStart(new sharedPb.Empty());
  else {
    const position = new streamsPb.ReadReq.Options.Position();
    position.setCommitPosition(after.commit.toString());
    position.setPreparePosition(after.prepare.toString());
    all.setPosition(position);
  }
  const names = new streamsPb.ReadReq.Options.FilterOptions.Expression();
  names.setPrefixList([...prefixes]);
  const filter = new streamsPb.ReadReq.Options.FilterOptions();
  filter.setStreamIdentifier(names);
  filter.setCount(new sharedPb.Empty());
  filter.setCheckpointintervalmultiplier(1);
  const uuids = new streamsPb.ReadReq.Options.UUIDOption();
  uuids.setString(new sharedPb.Empty());
  const options = new streamsPb.ReadReq.Options();
  options.setAll(all);
  options.setSubscription(new streamsPb.ReadReq.Options.SubscriptionOptions());
  options.setFilter(filter);
  options.setUuidOption(uuids);
  const request = new streamsPb.ReadReq();
  request.setOptions(options);
  return request;
}

/**
 * One message of the call, read straight into the port's form (field numbers: streams.proto). The
 * client's generated classes and their conversion take several times as long, and every instance
 * reads the whole log (docs/adr/0016-subscriptions-decoded-once.md).
 * @throws Error if the bytes are not such a message; EventStoreRefused for an event whose position
 * is not one number, because the service writes nothing in transactions
 */
export const decodeReadMessage = (bytes: Buffer): ReadMessage =>
  decodeMessage(bytes, recordedEvent);

/** The same, with a raw event. */
export const decodeRawMessage = (bytes: Buffer): ReadMessage<RawEvent> =>
  decodeMessage(bytes, rawEvent);

type ReadOne<Event> = (reader: Reader, end: number) => Event;

function decodeMessage<Event>(bytes: Buffer, one: ReadOne<Event>): ReadMessage<Event> {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case 1:
        return readEvent(reader, endOf(reader), one);
      case 2:
        return { kind: 'confirmed' };
      case 3:
        return { kind: 'checkpoint', position: logPosition(reader, endOf(reader)) };
      case 8:
        return { kind: 'caught-up' };
      default:
        reader.skipType(tag & 7);
    }
  }
  return { kind: 'other' };
}

type Reader = protobuf.Reader;

/** A resolved link has its target's event here. If the target is gone, there is no event. */
function readEvent<Event>(reader: Reader, end: number, one: ReadOne<Event>): ReadMessage<Event> {
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) return { kind: 'event', event: one(reader, endOf(reader)) };
    reader.skipType(tag & 7);
  }
  return { kind: 'other' };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const nothing = new Uint8Array();

/** An event whose data and metadata are P. */
type EventFields<P> = Omit<RawEvent, 'data' | 'metadata'> & {
  readonly data: P;
  readonly metadata: P;
};

/** @param payload reads data and metadata; `none` stands for a field that is not there */
function readFields<P>(
  reader: Reader,
  end: number,
  payload: (reader: Reader) => P,
  none: P,
): EventFields<P> {
  const event: Writable<EventFields<P>> = {
    id: '',
    stream: '',
    revision: 0n,
    position: 0n,
    type: '',
    created: '0',
    contentType: '',
    metadata: none,
    data: none,
  };
  let prepare = 0n;
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case 1:
        event.id = text(reader, 2, endOf(reader));
        break;
      case 2:
        event.stream = text(reader, 3, endOf(reader));
        break;
      case 3:
        event.revision = number64(reader);
        break;
      case 4:
        prepare = number64(reader);
        break;
      case 5:
        event.position = number64(reader);
        break;
      case 6:
        takeEntry(reader, endOf(reader), event);
        break;
      case 7:
        event.metadata = payload(reader);
        break;
      case 8:
        event.data = payload(reader);
        break;
      default:
        reader.skipType(tag & 7);
    }
  }
  if (prepare !== event.position) {
    const { revision, stream, position } = event;
    const place = `commit ${position}, prepare ${prepare}`;
    throw new EventStoreRefused(`event ${revision}@${stream} is at ${place}: no event of ours is`);
  }
  return event;
}

const bytesOf = (reader: Reader): Uint8Array => reader.bytes();
const textOf = (reader: Reader): string => reader.string();

const rawEvent = (reader: Reader, end: number): RawEvent =>
  readFields(reader, end, bytesOf, nothing);

function recordedEvent(reader: Reader, end: number): RecordedEvent {
  // Reads text at once. Bytes would be two more objects for each field.
  const raw = readFields(reader, end, textOf, '');
  const { id, stream, revision, position, type } = raw;
  // Everything that Reprise stores is a JSON object. The codec reports anything else as unreadable.
  const data = raw.contentType === 'application/json' ? parsed(raw.data) : undefined;
  const isObject = typeof data === 'object' && data !== null;
  const metadata = parsed(raw.metadata);
  const createdMs = recordedMs(metadata) ?? Number(raw.created.slice(0, -digitsBelowMs));
  return {
    id,
    stream,
    revision,
    position,
    type,
    createdMs,
    data: isObject ? data : undefined,
    metadata,
  };
}

/** One entry of the map of an event's own properties. */
function takeEntry(
  reader: Reader,
  end: number,
  event: Writable<Pick<RawEvent, 'type' | 'created' | 'contentType'>>,
): void {
  let key = '';
  let value = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) key = reader.string();
    else if (tag >>> 3 === 2) value = reader.string();
    else reader.skipType(tag & 7);
  }
  if (key === 'type') event.type = value;
  else if (key === 'created') event.created = value;
  else if (key === 'content-type') event.contentType = value;
}

function parsed(json: string): unknown {
  try {
    return json === '' ? undefined : JSON.parse(json);
  } catch {
    return undefined;
  }
}
