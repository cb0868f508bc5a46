/**
 * An event as the log keeps it: the bytes of the `ReadResp` message that a read answers with, so
 * that sending an event is copying it. Layout (all nested messages, fields in this order):
 *
 *   ReadResp { 1: ReadEvent { 1: RecordedEvent, 3: commit_position } }
 *   RecordedEvent { 1: UUID { 2: id }, 2: { 3: stream }, 3: revision, 4: prepare, 5: commit,
 *                   6: {type}, 6: {content-type}, 6: {created}, 7: custom metadata, 8: data }
 */
import { varintLength, WireReader, writeVarint } from './wire.ts';

/** An event as a client proposes it. */
export interface ProposedEvent {
  /** A UUID in its 36-character form. */
  id: string;
  type: string;
  contentType: string;
  data: Buffer;
  metadata: Buffer;
}

/** Its place in the log, and the time of its commit. */
export interface Placement {
  stream: string;
  revision: number;
  position: number;
  /** Milliseconds since the Unix epoch. */
  createdMs: number;
}

/** The facts of a stored event that subscriptions, truncation, retries and links need. */
export interface RecordedView {
  id: string;
  stream: string;
  revision: number;
  position: number;
  type: string;
  createdMs: number;
  /** The RecordedEvent message itself, a view into the stored bytes. */
  recorded: Buffer;
  data: Buffer;
  isJson: boolean;
}

export const jsonType = 'application/json';
export const uuidLength = 36;
const typeKey = Buffer.from('\x0a\x04type\x12', 'latin1');
const contentTypeKey = Buffer.from('\x0a\x0ccontent-type\x12', 'latin1');
const createdKey = Buffer.from('\x0a\x07created\x12', 'latin1');
/**
 * The protocol counts in ticks of 100 ns. Our ticks end in these zeros, because our clock has only
 * milliseconds.
 */
const ticksBelowAMillisecond = '0000';

const delimited = (length: number) => varintLength(length) + length;

export function encodeStoredEvent(event: ProposedEvent, placement: Placement): Buffer {
  const { stream, revision, position, createdMs } = placement;
  const created = createdMs + ticksBelowAMillisecond;
  const streamLength = Buffer.byteLength(stream);
  const typeLength = Buffer.byteLength(event.type);
  const contentTypeLength = Buffer.byteLength(event.contentType);
  const identifier = 1 + delimited(streamLength);
  const typeEntry = typeKey.length + delimited(typeLength);
  const contentTypeEntry = contentTypeKey.length + delimited(contentTypeLength);
  const createdEntry = createdKey.length + delimited(created.length);
  const positionField = 1 + varintLength(position);
  const recordedLength =
    4 +
    uuidLength +
    1 +
    delimited(identifier) +
    1 +
    varintLength(revision) +
    2 * positionField +
    3 +
    delimited(typeEntry) +
    delimited(contentTypeEntry) +
    delimited(createdEntry) +
    (event.metadata.length > 0 ? 1 + delimited(event.metadata.length) : 0) +
    (event.data.length > 0 ? 1 + delimited(event.data.length) : 0);
  const readEventLength = 1 + delimited(recordedLength) + positionField;

  const buffer = Buffer.allocUnsafe(1 + delimited(readEventLength));
  let at = 0;
  buffer[at++] = 0x0a;
  at = writeVarint(buffer, readEventLength, at);
  buffer[at++] = 0x0a;
  at = writeVarint(buffer, recordedLength, at);
  buffer[at++] = 0x0a;
  buffer[at++] = uuidLength + 2;
  buffer[at++] = 0x12;
  buffer[at++] = uuidLength;
  at += buffer.write(event.id, at, uuidLength, 'latin1');
  buffer[at++] = 0x12;
  at = writeVarint(buffer, identifier, at);
  buffer[at++] = 0x1a;
  at = writeVarint(buffer, streamLength, at);
  at += buffer.write(stream, at, streamLength, 'utf8');
  buffer[at++] = 0x18;
  at = writeVarint(buffer, revision, at);
  buffer[at++] = 0x20;
  at = writeVarint(buffer, position, at);
  buffer[at++] = 0x28;
  at = writeVarint(buffer, position, at);
  at = writeEntry(buffer, typeKey, event.type, typeLength, typeEntry, at);
  at = writeEntry(
    buffer,
    contentTypeKey,
    event.contentType,
    contentTypeLength,
    contentTypeEntry,
    at,
  );
  at = writeEntry(buffer, createdKey, created, created.length, createdEntry, at);
  if (event.metadata.length > 0) at = writeBytes(buffer, 0x3a, event.metadata, at);
  if (event.data.length > 0) at = writeBytes(buffer, 0x42, event.data, at);
  buffer[at++] = 0x18;
  writeVarint(buffer, position, at);
  return buffer;
}

function writeBytes(buffer: Buffer, tag: number, bytes: Buffer, start: number): number {
  buffer[start] = tag;
  const at = writeVarint(buffer, bytes.length, start + 1);
  bytes.copy(buffer, at);
  return at + bytes.length;
}

function writeEntry(
  buffer: Buffer,
  key: Buffer,
  value: string,
  valueLength: number,
  entryLength: number,
  start: number,
): number {
  buffer[start] = 0x32;
  let at = writeVarint(buffer, entryLength, start + 1);
  at += key.copy(buffer, at);
  at = writeVarint(buffer, valueLength, at);
  return at + buffer.write(value, at, valueLength, 'utf8');
}

const empty = Buffer.alloc(0);

/** Reads the facts of a stored event from its bytes. */
export function viewStoredEvent(message: Buffer): RecordedView {
  const response = new WireReader(message);
  response.next();
  const readEvent = response.message();
  readEvent.next();
  const recorded = readEvent.bytes();
  const view: RecordedView = {
    id: '',
    stream: '',
    revision: 0,
    position: 0,
    type: '',
    createdMs: 0,
    recorded,
    data: empty,
    isJson: false,
  };
  const reader = new WireReader(recorded);
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        view.id = secondString(reader.message());
        break;
      case 2:
        view.stream = secondString(reader.message());
        break;
      case 3:
        view.revision = reader.varint();
        break;
      case 5:
        view.position = reader.varint();
        break;
      case 6:
        takeEntry(view, reader.message());
        break;
      case 8:
        view.data = reader.bytes();
        break;
      default:
        reader.skip();
    }
  }
  return view;
}

function secondString(reader: WireReader): string {
  return reader.next() ? reader.string() : '';
}

function takeEntry(view: RecordedView, entry: WireReader): void {
  entry.next();
  const key = entry.string();
  entry.next();
  if (key === 'type') view.type = entry.string();
  else if (key === 'content-type') view.isJson = entry.bytes().length === jsonType.length;
  else if (key === 'created') view.createdMs = Math.floor(Number(entry.string()) / 10_000);
}
