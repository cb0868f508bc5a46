/**
 * The responses of the Streams service as bytes (field numbers: streams.proto, shared.proto,
 * status.proto).
 */

import type { LogPosition } from '../log/position.ts';
import type { ExpectedRevision } from '../streams/append.ts';
import {
  bytesField,
  messageField,
  numberField,
  type Part,
  varint64Field,
  varintLength,
  writeVarint,
} from './wire.ts';

const emptyMessage = Buffer.alloc(0);
/** Identifies the batch append in its answer. The client gets it back unchanged. */
export interface BatchEcho {
  readonly correlation: Buffer;
  readonly stream: string;
}

/**
 * BatchAppendResp { 1: correlation id, 3: Success { 1: revision or 2: no stream, 3: position or 4:
 * none }, 4: stream identifier }. Written by hand, because the server sends one for each append.
 */
export function batchAppended(echo: BatchEcho, revision: number, position?: number): Buffer {
  const nameLength = Buffer.byteLength(echo.stream);
  const identifierLength = 1 + varintLength(nameLength) + nameLength;
  const revisionLength = revision < 0 ? 2 : 1 + varintLength(revision);
  const pairLength = position === undefined ? 0 : 2 * (1 + varintLength(position));
  const successLength = revisionLength + 2 + pairLength;
  const buffer = Buffer.allocUnsafe(
    1 +
      varintLength(echo.correlation.length) +
      echo.correlation.length +
      2 +
      successLength +
      1 +
      varintLength(identifierLength) +
      identifierLength,
  );
  let at = 0;
  buffer[at++] = 0x0a;
  at = writeVarint(buffer, echo.correlation.length, at);
  at += echo.correlation.copy(buffer, at);
  buffer[at++] = 0x1a;
  buffer[at++] = successLength;
  if (revision < 0) {
    buffer[at++] = 0x12;
    buffer[at++] = 0;
  } else {
    buffer[at++] = 0x08;
    at = writeVarint(buffer, revision, at);
  }
  if (position === undefined) {
    buffer[at++] = 0x22;
    buffer[at++] = 0;
  } else {
    buffer[at++] = 0x1a;
    buffer[at++] = pairLength;
    buffer[at++] = 0x08;
    at = writeVarint(buffer, position, at);
    buffer[at++] = 0x10;
    at = writeVarint(buffer, position, at);
  }
  buffer[at++] = 0x22;
  at = writeVarint(buffer, identifierLength, at);
  buffer[at++] = 0x1a;
  at = writeVarint(buffer, nameLength, at);
  buffer.write(echo.stream, at, nameLength, 'utf8');
  return buffer;
}

/** The reason why a batch append was refused, as the Any in its status. */
export interface BatchError {
  readonly code: number;
  readonly message: string;
  /**
   * The message type. It is below `event_store.client.`, unless it is a full name. The client
   * chooses its error class by it.
   */
  readonly type: string;
  readonly details: Buffer;
}

export function batchRefused(echo: BatchEcho, error: BatchError): Buffer {
  const type = error.type.includes('.') ? error.type : `event_store.client.${error.type}`;
  const any = messageField(
    3,
    bytesField(1, `type.googleapis.com/${type}`),
    bytesField(2, error.details),
  );
  return Buffer.concat([
    bytesField(1, echo.correlation),
    messageField(2, numberField(1, error.code), bytesField(2, error.message), any),
    messageField(4, bytesField(3, echo.stream)),
  ]);
}

export function wrongExpectedVersionDetails(expected: ExpectedRevision, current: number): Buffer {
  return Buffer.concat([
    current < 0 ? bytesField(2, emptyMessage) : numberField(1, current),
    typeof expected === 'number'
      ? numberField(3, expected)
      : bytesField({ any: 4, stream_exists: 5, no_stream: 6 }[expected], emptyMessage),
  ]);
}

export function streamDeletedDetails(stream: string): Buffer {
  return messageField(1, bytesField(3, stream));
}

export function maximumAppendSizeDetails(bytes: number): Buffer {
  return numberField(1, bytes);
}

/** AppendResp { 1: Success }. */
export function appended(revision: number, position?: number): Buffer {
  return messageField(1, ...successParts(revision, position));
}

function successParts(revision: number, position: number | undefined): Part[] {
  return [
    revision < 0 ? bytesField(2, emptyMessage) : numberField(1, revision),
    position === undefined ? bytesField(4, emptyMessage) : positionField(3, position),
  ];
}

/** AppendResp { 2: WrongExpectedVersion }, with the fields of servers since 20.6.1. */
export function appendWrongExpectedVersion(expected: ExpectedRevision, current: number): Buffer {
  return messageField(
    2,
    current < 0 ? bytesField(7, emptyMessage) : numberField(6, current),
    typeof expected === 'number'
      ? numberField(8, expected)
      : bytesField({ any: 9, stream_exists: 10, no_stream: 11 }[expected], emptyMessage),
  );
}

/** DeleteResp and TombstoneResp { 1: Position }. */
export function deleted(position: number): Buffer {
  return positionField(1, position);
}

/** Commit and prepare position are the same here. */
function positionField(field: number, position: number): Part {
  return messageField(field, numberField(1, position), numberField(2, position));
}

export function subscriptionConfirmed(subscriptionId: string): Buffer {
  return messageField(2, bytesField(1, subscriptionId));
}

export function checkpointReached({ commit, prepare }: LogPosition): Buffer {
  return messageField(3, halfField(1, commit), halfField(2, prepare));
}

/** −1 is sent as an unsigned number of 64 bits. */
function halfField(field: number, half: number): Part {
  return half < 0 ? varint64Field(field, 2n ** 64n - 1n) : numberField(field, half);
}

export function streamNotFound(stream: string): Buffer {
  return messageField(4, messageField(1, bytesField(3, stream)));
}

/**
 * The beginning of a stream, for a reader who requested events that are hidden or do not exist yet.
 */
export function firstStreamPosition(revision: number): Buffer {
  return numberField(5, revision);
}

/** The newest revision of a stream that was read. */
export function lastStreamPosition(revision: number): Buffer {
  return numberField(6, revision);
}

/** ReadResp { 8: CaughtUp }. */
export const caughtUp = bytesField(8, emptyMessage);

/**
 * ReadResp { 1: ReadEvent } of a link: the event that the link names (if it exists), and the link
 * itself.
 */
export function resolvedLink(event: Buffer | undefined, link: Buffer, position: number): Buffer {
  return messageField(
    1,
    ...(event === undefined ? [] : [bytesField(1, event)]),
    bytesField(2, link),
    numberField(3, position),
  );
}
