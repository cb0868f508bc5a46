import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import type { Status } from '@eventstore/db-client/generated/status_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import protobuf from 'protobufjs/minimal.js';
import {
  EventStoreRefused,
  type ExpectedRevision,
  type NewEvent,
  StreamDeleted,
} from '../../commands/core/event-store.ts';
import { isFinalCode } from './failures.ts';
import { endOf, logPosition, number64 } from './wire.ts';

/** Like the port's AppendResult, but a server may omit the position. */
export type Appended =
  | { readonly ok: true; readonly revision: bigint; readonly position: bigint | undefined }
  | { readonly ok: false; readonly actual: ExpectedRevision };

/** The answer to an append: its correlation id, and a success or an error. */
export interface BatchAnswer {
  /** The number of the append; undefined if the server returns an unknown correlation id. */
  readonly number: number | undefined;
  readonly success: Extract<Appended, { ok: true }> | undefined;
  readonly error: Status | undefined;
}

/** An event whose bytes are written without changes. */
export interface RawNewEvent {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly metadata: Uint8Array;
  readonly data: Uint8Array;
}

/*
 * protobufjs's reader and writer handle the messages of the hot path (field numbers:
 * streams.proto). Each `uint32` below that is not a length is a tag: the field's number times
 * eight, plus its wire type. The client's generated classes take several times as long.
 */

/**
 * The events as JSON messages. They are made once per append, and a repetition sends the same
 * bytes.
 * @throws EventStoreRefused above `bytesMax`
 */
export function encodeEvents(
  stream: string,
  events: readonly NewEvent[],
  bytesMax: number,
): Uint8Array {
  const writer = protobuf.Writer.create();
  let bytes = 0;
  for (const { id, event, metadata } of events) {
    const data = JSON.stringify(event.data);
    const custom = JSON.stringify(metadata);
    bytes += Buffer.byteLength(data) + Buffer.byteLength(custom);
    writer.uint32(26).fork();
    writer.uint32(10).fork().uint32(18).string(id).ldelim();
    entry(writer, 'type', event.type);
    entry(writer, 'content-type', 'application/json');
    writer.uint32(26).string(custom).uint32(34).string(data).ldelim();
  }
  if (bytes > bytesMax) {
    throw new EventStoreRefused(`append to ${stream}: ${bytes} bytes, the limit is ${bytesMax}`);
  }
  return writer.finish();
}

/** The same for events whose bytes exist already. */
export function encodeRawEvents(events: readonly RawNewEvent[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const { id, type, contentType, metadata, data } of events) {
    writer.uint32(26).fork();
    writer.uint32(10).fork().uint32(18).string(id).ldelim();
    entry(writer, 'type', type);
    entry(writer, 'content-type', contentType);
    writer.uint32(26).bytes(metadata).uint32(34).bytes(data).ldelim();
  }
  return writer.finish();
}

const entry = (writer: protobuf.Writer, key: string, value: string) =>
  writer.uint32(18).fork().uint32(10).string(key).uint32(18).string(value).ldelim();

/**
 * One append in one message, without its correlation id. It has no deadline, because the server
 * would compare that time of this machine's clock with its own clock. Without a deadline, the
 * server gives up after its write timeout.
 */
export function encodeAppend(
  stream: string,
  expected: ExpectedRevision,
  events: Uint8Array,
): Uint8Array {
  const options = protobuf.Writer.create().uint32(18).fork();
  options.uint32(10).fork().uint32(26).string(stream).ldelim();
  if (expected === 'no_stream') options.uint32(26).uint32(0);
  else options.uint32(16).uint64(Number(expected));
  return Buffer.concat([options.ldelim().finish(), events, isFinal]);
}

const isFinal = protobuf.Writer.create().uint32(32).bool(true).finish();

/** Puts the correlation id before an append: a UUID as text, 36 characters. */
export function withCorrelation(id: string, append: Uint8Array): Buffer {
  const uuid = protobuf.Writer.create().uint32(10).fork().uint32(18).string(id).ldelim();
  return Buffer.concat([uuid.finish(), append]);
}

/** @throws Error if the bytes are not such a message */
export function decodeBatchAnswer(bytes: Buffer): BatchAnswer {
  const reader = protobuf.Reader.create(bytes);
  let number: number | undefined;
  let success: BatchAnswer['success'];
  let error: Status | undefined;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) number = numberIn(reader, endOf(reader));
    else if (tag >>> 3 === 3) success = readSuccess(reader, endOf(reader));
    else {
      if (tag >>> 3 === 2) error = streamsPb.BatchAppendResp.deserializeBinary(bytes).getError();
      reader.skipType(tag & 7);
    }
  }
  return { number, success, error };
}

/** The append's number in an echoed correlation id, which comes back as text or as two halves. */
function numberIn(reader: protobuf.Reader, end: number): number | undefined {
  let number: number | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 2) number = Number.parseInt(reader.string().slice(-12), 16);
    else if (tag >>> 3 === 1) number = lowerHalf(reader, endOf(reader));
    else reader.skipType(tag & 7);
  }
  return number;
}

function lowerHalf(reader: protobuf.Reader, end: number): number | undefined {
  let number: number | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 2) number = Number(BigInt.asUintN(48, number64(reader)));
    else reader.skipType(tag & 7);
  }
  return number;
}

function readSuccess(reader: protobuf.Reader, end: number): Extract<Appended, { ok: true }> {
  let revision = 0n;
  let position: bigint | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) revision = number64(reader);
    else if (tag >>> 3 === 3) position = logPosition(reader, endOf(reader)).commit;
    else reader.skipType(tag & 7);
  }
  return { ok: true, revision, position };
}

/**
 * @throws EventStoreRefused if the answer is a final refusal, a plain Error if the result is open
 */
export function understand({ success, error }: BatchAnswer): Appended {
  if (error !== undefined) return understandError(error);
  if (success === undefined) throw new Error('the store answered with neither success nor error');
  return success;
}

function understandError(error: Status): Appended {
  const details = error.getDetails();
  const kind = details?.getTypeName().replace('event_store.client.', '') ?? '';
  const text = `${kind} ${error.getMessage()}`.trim();
  switch (kind) {
    case 'WrongExpectedVersion': {
      const wrong = sharedPb.WrongExpectedVersion.deserializeBinary(
        details?.getValue_asU8() ?? new Uint8Array(),
      );
      return {
        ok: false,
        actual: wrong.hasCurrentStreamRevision()
          ? BigInt(wrong.getCurrentStreamRevision())
          : 'no_stream',
      };
    }
    case 'StreamDeleted':
      throw new StreamDeleted('');
    case 'AccessDenied':
    case 'BadRequest':
      throw new EventStoreRefused(text);
    case 'MaximumAppendSizeExceeded': {
      const size = sharedPb.MaximumAppendSizeExceeded.deserializeBinary(
        details?.getValue_asU8() ?? new Uint8Array(),
      );
      throw new EventStoreRefused(
        `the append is larger than the store takes (${size.getMaxappendsize()} bytes)`,
      );
    }
    default: // Timeout, Unknown and what is yet to come
      if (kind !== 'Timeout' && isFinalCode(error.getCode())) throw new EventStoreRefused(text);
      throw new Error(text || `status ${error.getCode()}`);
  }
}
