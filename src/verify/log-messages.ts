import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb, { type ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import protobuf from 'protobufjs/minimal.js';
import { type Data, type LogEvent, restoredMs } from './finding.ts';

/*
 * The verifier's own decoder of the event store's messages (field numbers: streams.proto). It
 * shares no code with the service's decoder, so it does not repeat a fault of that decoder. The
 * client's generated classes and its conversion took most of a proof's time.
 */

type Reader = protobuf.Reader;

/**
 * `created` counts in 100 ns, so this many digits are below a millisecond. The whole value does not
 * fit into a number.
 */
const digitsBelowMs = 4;

/**
 * The request that the client's own `readAll` makes: every event from a position (inclusive) or the
 * start to the end.
 */
export function encodeReadAll(from: bigint | undefined): ReadReq {
  const { Options } = streamsPb.ReadReq;
  const all = new Options.AllOptions();
  if (from === undefined) all.setStart(new sharedPb.Empty());
  else {
    const position = new Options.Position();
    position.setCommitPosition(from.toString());
    position.setPreparePosition(from.toString());
    all.setPosition(position);
  }
  const uuids = new Options.UUIDOption();
  uuids.setString(new sharedPb.Empty());
  const options = new Options();
  options.setAll(all);
  options.setReadDirection(Options.ReadDirection.FORWARDS);
  options.setCount(String(Number.MAX_SAFE_INTEGER));
  options.setNoFilter(new sharedPb.Empty());
  options.setUuidOption(uuids);
  const request = new streamsPb.ReadReq();
  request.setOptions(options);
  return request;
}

/**
 * The event of one message of that call; undefined for a message without one.
 * @throws Error if the bytes are not such a message
 */
export function decodeLogEvent(bytes: Buffer): LogEvent | undefined {
  const reader = protobuf.Reader.create(bytes);
  // ReadResp.event, ReadEvent.event: both are field 1.
  return enter(reader, bytes.length) && enter(reader, endOf(reader)) ? logEvent(reader) : undefined;
}

/** Goes to a message's field 1. @returns whether there is one */
function enter(reader: Reader, end: number): boolean {
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) return true;
    reader.skipType(tag & 7);
  }
  return false;
}

const endOf = (reader: Reader): number => reader.uint32() + reader.pos;

function logEvent(reader: Reader): LogEvent {
  const end = endOf(reader);
  const system = { type: '<no-event-type-provided>', 'content-type': '', created: '' };
  let [id, stream, metadata, data] = ['', '', '', ''];
  let [revision, position] = [0n, 0n];
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case 1:
        id = onlyText(reader, 2);
        break;
      case 2:
        stream = onlyText(reader, 3);
        break;
      case 3:
        revision = whole(reader);
        break;
      case 5:
        position = whole(reader);
        break;
      case 6:
        readEntry(reader, system);
        break;
      case 7:
        metadata = reader.string();
        break;
      case 8:
        data = reader.string();
        break;
      default:
        reader.skipType(tag & 7);
    }
  }
  const about = objectIn(metadata);
  const { schemaVersion: version, commandId } = about;
  const restored = restoredMs(about);
  return {
    id,
    stream,
    revision,
    position,
    type: system.type,
    createdMs: restored ?? Number(system.created.slice(0, -digitsBelowMs)),
    data: system['content-type'] === 'application/json' ? objectIn(data) : {},
    version,
    commandId,
    isRestored: restored !== undefined,
  };
}

/** The text field `field` of a message. */
function onlyText(reader: Reader, field: number): string {
  const end = endOf(reader);
  let found = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === field) found = reader.string();
    else reader.skipType(tag & 7);
  }
  return found;
}

/** One entry of a map, if its key is one of the wanted keys. */
function readEntry(reader: Reader, wanted: Record<string, string>): void {
  const end = endOf(reader);
  let [key, value] = ['', ''];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) key = reader.string();
    else if (tag >>> 3 === 2) value = reader.string();
    else reader.skipType(tag & 7);
  }
  if (Object.hasOwn(wanted, key)) wanted[key] = value;
}

/** protobufjs gives 64 bits as two halves. */
function whole(reader: Reader): bigint {
  const { low, high } = reader.uint64();
  const lower = BigInt(low >>> 0);
  return high === 0 ? lower : (BigInt(high >>> 0) << 32n) + lower;
}

/** Everything that the service stores is a JSON object. Any other text counts as empty data. */
function objectIn(json: string): Data {
  try {
    const parsed: unknown = JSON.parse(json);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Data) : {};
  } catch {
    return {};
  }
}
