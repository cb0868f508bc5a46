/** The requests of the Streams service, decoded from their bytes (field numbers: streams.proto). */
import type { ExpectedRevision } from '../streams/append.ts';
import { jsonType, type ProposedEvent, uuidLength } from './recorded-event.ts';
import { maxRevision, WireError, WireReader } from './wire.ts';

const empty = Buffer.alloc(0);
/** The content type of all data that is not JSON. */
const binary = 'application/octet-stream';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A message of the protocol with an impossible value. Only this message is refused. */
export class FieldError extends Error {}

/** One message of a BatchAppend stream. The first message of each correlation id has `options`. */
export interface BatchAppendChunk {
  /** The unchanged UUID message, for the answer. */
  correlation: Buffer;
  options?: BatchAppendOptions;
  events: ProposedEvent[];
  isFinal: boolean;
  /** The impossible value in it, if any. The other appends of the stream are not affected. */
  problem?: string;
}

const expectedMissing = 'the expected revision is missing';

export interface BatchAppendOptions {
  stream: string;
  expected: ExpectedRevision;
  /** False if the client sent no `expected`. */
  hasExpected: boolean;
  /** The client's deadline in milliseconds since the Unix epoch, Infinity without one. */
  deadlineMs: number;
}

export function decodeBatchAppend(message: Buffer): BatchAppendChunk {
  const chunk: BatchAppendChunk = { correlation: empty, events: [], isFinal: false };
  const reader = new WireReader(message);
  while (reader.next()) {
    if (reader.field === 1) chunk.correlation = reader.bytes();
    else if (reader.field === 2) chunk.options = decodeBatchOptions(reader.message());
    else if (reader.field === 3) takeProposed(chunk, reader.message());
    else if (reader.field === 4) chunk.isFinal = reader.bool();
    else reader.skip();
  }
  // The options are read once per append, because only its first message has them.
  const problem = chunk.options && problemOf(chunk.options, chunk.correlation);
  if (problem !== undefined) chunk.problem = problem;
  return chunk;
}

function takeProposed(chunk: BatchAppendChunk, reader: WireReader): void {
  try {
    chunk.events.push(decodeProposed(reader));
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    chunk.problem ??= error.message;
  }
}

function problemOf(options: BatchAppendOptions, correlation: Buffer): string | undefined {
  try {
    decodeUuid(new WireReader(correlation));
  } catch (error) {
    return `the correlation id: ${(error as Error).message}`;
  }
  return options.hasExpected ? undefined : expectedMissing;
}

function decodeBatchOptions(reader: WireReader): BatchAppendOptions {
  const options: BatchAppendOptions = {
    stream: '',
    expected: 'any',
    hasExpected: false,
    deadlineMs: Number.POSITIVE_INFINITY,
  };
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        options.stream = decodeIdentifier(reader.message());
        break;
      case 6:
        options.deadlineMs = decodeMilliseconds(reader.message());
        break;
      case 7:
        options.deadlineMs = Date.now() + decodeMilliseconds(reader.message());
        break;
      default:
        options.hasExpected = decodeExpected(options, reader) || options.hasExpected;
    }
  }
  return options;
}

/** Fields 2 to 5. They are the same in all options with an expected revision. */
function decodeExpected(options: { expected: ExpectedRevision }, reader: WireReader): boolean {
  if (reader.field === 2) {
    options.expected = reader.varint();
    return true;
  }
  const named = expectedForms[reader.field];
  reader.skip();
  if (named === undefined) return false;
  options.expected = named;
  return true;
}

const expectedForms: Readonly<Record<number, ExpectedRevision>> = {
  3: 'no_stream',
  4: 'any',
  5: 'stream_exists',
};

/**
 * The milliseconds of a Timestamp or a Duration, which have the same form. A negative time is
 * already over.
 */
function decodeMilliseconds(reader: WireReader): number {
  let ms = 0;
  while (reader.next()) {
    if (reader.field !== 1 && reader.field !== 2) {
      reader.skip();
      continue;
    }
    const value = reader.varint();
    if (value === maxRevision) return Number.NEGATIVE_INFINITY;
    ms += reader.field === 1 ? value * 1000 : value / 1e6;
  }
  return ms;
}

/** The options of Append, Delete and Tombstone. They have the same form. */
export interface StreamOptions {
  stream: string;
  expected: ExpectedRevision;
}

/**
 * One message of an Append stream. The first message has the options, each later one has an event.
 */
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
  let hasExpected = false;
  while (reader.next()) {
    if (reader.field === 1) options.stream = decodeIdentifier(reader.message());
    else hasExpected = decodeExpected(options, reader) || hasExpected;
  }
  if (!hasExpected) throw new FieldError(expectedMissing);
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
  const event: ProposedEvent = { id: '', type: '', contentType: '', data: empty, metadata: empty };
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
  if (event.id === '') throw new FieldError('an event has no id');
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
  else if (key === 'content-type') event.contentType = value === jsonType ? jsonType : binary;
}

function decodeUuid(reader: WireReader): string {
  let id = '';
  while (reader.next()) {
    if (reader.field === 2) id = reader.string().toLowerCase();
    else if (reader.field === 1) id = decodeStructuredUuid(reader.message());
    else reader.skip();
  }
  if (id.length !== uuidLength || !uuid.test(id)) throw new FieldError(`"${id}" is not a UUID`);
  return id;
}

/**
 * Two halves of 64 bits. They do not fit into JavaScript numbers, so they are read byte by byte.
 */
function decodeStructuredUuid(reader: WireReader): string {
  const halves = [0n, 0n];
  while (reader.next()) {
    if (reader.field === 1 || reader.field === 2) halves[reader.field - 1] = reader.varint64();
    else reader.skip();
  }
  const hex = halves.map((half) => half.toString(16).padStart(16, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
