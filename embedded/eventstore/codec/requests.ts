/** The requests of the Streams service, decoded from their bytes (field numbers: streams.proto). */
import { randomUUID } from 'node:crypto';
import type { ExpectedRevision } from '../streams/append.ts';
import { type ProposedEvent, UUID_LENGTH } from './recorded-event.ts';
import { WireError, WireReader } from './wire.ts';

const EMPTY = Buffer.alloc(0);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** One message of a BatchAppend stream; `options` come with the first of a correlation id. */
export interface BatchAppendChunk {
  /** The UUID message as it came, to be echoed. */
  correlation: Buffer;
  options?: BatchAppendOptions;
  events: ProposedEvent[];
  isFinal: boolean;
}

export interface BatchAppendOptions {
  stream: string;
  expected: ExpectedRevision;
  /** The client's deadline in milliseconds since the Unix epoch, Infinity without one. */
  deadlineMs: number;
}

export function decodeBatchAppend(message: Buffer): BatchAppendChunk {
  const chunk: BatchAppendChunk = { correlation: EMPTY, events: [], isFinal: false };
  const reader = new WireReader(message);
  while (reader.next()) {
    if (reader.field === 1) chunk.correlation = reader.bytes();
    else if (reader.field === 2) chunk.options = decodeBatchOptions(reader.message());
    else if (reader.field === 3) chunk.events.push(decodeProposed(reader.message()));
    else if (reader.field === 4) chunk.isFinal = reader.bool();
    else reader.skip();
  }
  return chunk;
}

function decodeBatchOptions(reader: WireReader): BatchAppendOptions {
  const options: BatchAppendOptions = {
    stream: '',
    expected: 'any',
    deadlineMs: Number.POSITIVE_INFINITY,
  };
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        options.stream = decodeIdentifier(reader.message());
        break;
      case 6:
        options.deadlineMs = decodeTimestamp(reader.message());
        break;
      case 2:
        options.expected = reader.varint();
        break;
      case 3:
        options.expected = 'no_stream';
        reader.skip();
        break;
      case 4:
        options.expected = 'any';
        reader.skip();
        break;
      case 5:
        options.expected = 'stream_exists';
        reader.skip();
        break;
      default:
        reader.skip();
    }
  }
  return options;
}

function decodeTimestamp(reader: WireReader): number {
  let ms = 0;
  while (reader.next()) {
    if (reader.field === 1) ms += reader.varint() * 1000;
    else if (reader.field === 2) ms += reader.varint() / 1e6;
    else reader.skip();
  }
  return ms;
}

/** Options of Append, Delete and Tombstone, which are alike. */
export interface StreamOptions {
  stream: string;
  expected: ExpectedRevision;
}

/** One message of an Append stream: the options first, then event by event. */
export type AppendMessage = { options: StreamOptions } | { event: ProposedEvent };

export function decodeAppend(message: Buffer): AppendMessage {
  const reader = new WireReader(message);
  while (reader.next()) {
    if (reader.field === 1) return { options: decodeStreamOptions(reader.message()) };
    if (reader.field === 2) return { event: decodeProposed(reader.message()) };
    reader.skip();
  }
  throw new WireError('the message has neither options nor an event');
}

/** DeleteReq and TombstoneReq. */
export function decodeDelete(message: Buffer): StreamOptions {
  const reader = new WireReader(message);
  while (reader.next()) {
    if (reader.field === 1) return decodeStreamOptions(reader.message());
    reader.skip();
  }
  throw new WireError('the request has no options');
}

function decodeStreamOptions(reader: WireReader): StreamOptions {
  const options: StreamOptions = { stream: '', expected: 'any' };
  while (reader.next()) {
    if (reader.field === 1) options.stream = decodeIdentifier(reader.message());
    else if (reader.field === 2) options.expected = reader.varint();
    else {
      if (reader.field === 3) options.expected = 'no_stream';
      else if (reader.field === 5) options.expected = 'stream_exists';
      reader.skip();
    }
  }
  return options;
}

export function decodeIdentifier(reader: WireReader): string {
  let name = '';
  while (reader.next()) {
    if (reader.field === 3) name = reader.string();
    else reader.skip();
  }
  return name;
}

function decodeProposed(reader: WireReader): ProposedEvent {
  const event: ProposedEvent = { id: '', type: '', contentType: '', data: EMPTY, metadata: EMPTY };
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        event.id = decodeUuid(reader.message());
        break;
      case 2:
        decodeEntry(event, reader.message());
        break;
      case 3:
        event.metadata = reader.bytes();
        break;
      case 4:
        event.data = reader.bytes();
        break;
      default:
        reader.skip();
    }
  }
  if (event.id === '') event.id = randomUUID();
  return event;
}

function decodeEntry(event: ProposedEvent, entry: WireReader): void {
  let key = '';
  let value = '';
  while (entry.next()) {
    if (entry.field === 1) key = entry.string();
    else if (entry.field === 2) value = entry.string();
    else entry.skip();
  }
  if (key === 'type') event.type = value;
  else if (key === 'content-type') event.contentType = value;
}

function decodeUuid(reader: WireReader): string {
  let id = '';
  while (reader.next()) {
    if (reader.field === 2) id = reader.string().toLowerCase();
    else if (reader.field === 1) id = decodeStructuredUuid(reader.message());
    else reader.skip();
  }
  if (id.length !== UUID_LENGTH || !UUID.test(id)) throw new WireError(`"${id}" is not a UUID`);
  return id;
}

/** Two 64-bit halves, which do not fit JavaScript numbers: read byte by byte. */
function decodeStructuredUuid(reader: WireReader): string {
  const halves = [0n, 0n];
  while (reader.next()) {
    if (reader.field === 1 || reader.field === 2) halves[reader.field - 1] = reader.varint64();
    else reader.skip();
  }
  const hex = halves.map((half) => half.toString(16).padStart(16, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
