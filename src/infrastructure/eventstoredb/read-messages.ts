import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb, { type ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import protobuf from 'protobufjs/minimal.js';
import { EventStoreRefused, type LogMessage } from '../../commands/core/event-store.ts';
import type { RecordedEvent } from '../../events/codec.ts';
import type { LogPosition } from '../../events/log-position.ts';
import { endOf, logPosition, number64, text } from './wire.ts';

/** What comes over a subscription's call: what the port has, the confirmation, and what needs no answer. */
export type ReadMessage = LogMessage | { readonly kind: 'confirmed' } | { readonly kind: 'other' };

/** `created` counts in 100 ns: so many digits are below a millisecond. The whole would not fit a number. */
const digitsBelowMs = 4;

/** The request that the client's own `subscribeToAll` makes: every event of streams with these prefixes. */
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
 * One message of the call, read straight into the port's form (field numbers: streams.proto). The client's generated
 * classes and their conversion take several times as long, and every instance reads the whole log
 * (docs/adr/0016-subscriptions-decoded-once.md). @throws Error when the bytes are no such message, EventStoreRefused for
 * an event whose place is not one number: nothing of ours is written in transactions
 */
export function decodeReadMessage(bytes: Buffer): ReadMessage {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case 1:
        return readEvent(reader, endOf(reader));
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

/** A resolved link has its target's event here; one whose target is gone has none. */
function readEvent(reader: Reader, end: number): ReadMessage {
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) return { kind: 'event', event: recordedEvent(reader, endOf(reader)) };
    reader.skipType(tag & 7);
  }
  return { kind: 'other' };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function recordedEvent(reader: Reader, end: number): RecordedEvent {
  const event: Writable<RecordedEvent> = {
    id: '',
    stream: '',
    revision: 0n,
    position: 0n,
    type: '',
    createdMs: 0,
    data: undefined,
    metadata: undefined,
  };
  let isJson = false;
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
      case 6: {
        const [key, value] = entry(reader, endOf(reader));
        if (key === 'type') event.type = value;
        else if (key === 'created') event.createdMs = Number(value.slice(0, -digitsBelowMs));
        else if (key === 'content-type') isJson = value === 'application/json';
        break;
      }
      case 7:
        event.metadata = parsed(reader.string());
        break;
      case 8:
        event.data = parsed(reader.string());
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
  // Everything Reprise stores is a JSON object; what is not, the codec calls unreadable.
  if (!isJson || typeof event.data !== 'object' || event.data === null) event.data = undefined;
  return event;
}

function entry(reader: Reader, end: number): [key: string, value: string] {
  let key = '';
  let value = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) key = reader.string();
    else if (tag >>> 3 === 2) value = reader.string();
    else reader.skipType(tag & 7);
  }
  return [key, value];
}

function parsed(json: string): unknown {
  try {
    return json === '' ? undefined : JSON.parse(json);
  } catch {
    return undefined;
  }
}
