import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { z } from 'zod';
import type { RawEvent } from '../infrastructure/raw-log.ts';
import { decodeLine, encodeLine, NotAnEvent, timeOf } from './event-line.ts';

/**
 * A segment is a part of the log in one file, as JSON lines in gzip. The first line names its
 * archive, its number, and the segment before it. Each further line is an event. The last line has
 * the number of events and a hash. A segment is written once and never changed.
 */

/** The layout that this version writes, and the only one that it reads. */
export const formatVersion = 1;

/** A segment is full when it has so much text, in bytes, or so many events. */
const fullBytes = 4 * 1024 * 1024;
const fullEvents = 16_384;
/**
 * Longest text that is read, in bytes: a full segment and one more event. The largest event is 17
 * MiB, the longest gRPC message. Each of its bytes may take six characters.
 */
const textBytesMax = 128 * 1024 * 1024;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const mark = z.object({
  position: z.string().regex(/^[0-9]{1,19}$/),
  id: z.string(),
  createdAt: z.string(),
});

const headSchema = z.object({
  reprise: z.literal('backup'),
  format: z.number().int(),
  archive: z.string(),
  segment: z.number().int().min(1),
  /** SHA-256 of the whole file of the segment before it; null for the first. */
  previous: sha256.nullable(),
  /** The last event of the segment before it. */
  after: mark.nullable(),
  writtenAt: z.string(),
  version: z.string(),
});

const endSchema = z.object({
  events: z.number().int().min(1),
  first: mark,
  last: mark,
  /** SHA-256 of the text before this line. */
  sha256,
});

/** The content of the first line. */
export type SegmentHead = z.infer<typeof headSchema>;
/** The content of the last line. */
export type SegmentEnd = z.infer<typeof endSchema>;
/** An event by which a log can be recognised. */
export type ArchivedMark = z.infer<typeof mark>;

/** Why a segment cannot be trusted. */
export type DamageCode =
  /** It is cut off, or is not gzip, or its text has changed. */
  | 'segment-damaged'
  /** It has the layout of another version, or is not a segment. */
  | 'unknown-format'
  /** Its last line does not fit its events. */
  | 'wrong-end'
  /** A line that is not an event. */
  | 'wrong-event';

export class SegmentDamaged extends Error {
  readonly code: DamageCode;

  constructor(code: DamageCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A segment that is being filled, in memory. */
export class SegmentText {
  readonly #lines: string[] = [];
  #bytes = 0;
  #first: RawEvent | undefined;
  #last: RawEvent | undefined;

  get events(): number {
    return this.#lines.length;
  }

  get isFull(): boolean {
    return this.#bytes >= fullBytes || this.events >= fullEvents;
  }

  add(event: RawEvent): void {
    const line = encodeLine(event);
    this.#lines.push(line);
    this.#bytes += line.length;
    this.#first ??= event;
    this.#last = event;
  }

  /**
   * The file's bytes, and the content of its last line.
   * @throws TypeError if it has no event
   */
  async close(head: SegmentHead): Promise<{ readonly bytes: Buffer; readonly end: SegmentEnd }> {
    if (this.#first === undefined || this.#last === undefined) throw new TypeError('no event');
    const text = Buffer.from(`${JSON.stringify(head)}\n${this.#lines.join('\n')}\n`);
    const end: SegmentEnd = {
      events: this.events,
      first: markOf(this.#first),
      last: markOf(this.#last),
      sha256: hashOf(text),
    };
    const all = Buffer.concat([text, Buffer.from(`${JSON.stringify(end)}\n`)]);
    return { bytes: await promisify(gzip)(all), end };
  }
}

export interface Segment {
  readonly head: SegmentHead;
  readonly events: readonly RawEvent[];
  readonly end: SegmentEnd;
}

/**
 * Reads a segment's file and checks it.
 * @throws SegmentDamaged
 */
export async function readSegment(bytes: Uint8Array): Promise<Segment> {
  const text = await promisify(gunzip)(bytes, { maxOutputLength: textBytesMax }).catch((error) => {
    throw new SegmentDamaged('segment-damaged', `it cannot be unpacked (${error.message})`);
  });
  // The last line also ends with a line end. So the line end before it is the start of the last
  // line.
  const endFrom = text.lastIndexOf('\n', text.length - 2) + 1;
  const lines = text.toString('utf8', 0, endFrom).split('\n');
  const head = lineOf(headSchema, lines[0], 'first');
  if (head.format !== formatVersion) {
    const why = `its layout is ${head.format}, this version reads ${formatVersion}`;
    throw new SegmentDamaged('unknown-format', why);
  }
  const end = lineOf(endSchema, text.toString('utf8', endFrom), 'last');
  if (hashOf(text.subarray(0, endFrom)) !== end.sha256) {
    throw new SegmentDamaged('segment-damaged', 'its text is not what was written');
  }
  const events = lines.slice(1, -1).map(eventOf);
  checkEnd(events, end);
  return { head, events, end };
}

function lineOf<T>(schema: z.ZodType<T>, line: string | undefined, which: string): T {
  try {
    return schema.parse(JSON.parse(line ?? ''));
  } catch {
    throw new SegmentDamaged('unknown-format', `its ${which} line is not that of a segment`);
  }
}

function eventOf(line: string, index: number): RawEvent {
  try {
    return decodeLine(line);
  } catch (error) {
    if (!(error instanceof NotAnEvent)) throw error;
    throw new SegmentDamaged('wrong-event', `line ${index + 2}: ${error.message}`);
  }
}

function checkEnd(events: readonly RawEvent[], end: SegmentEnd): void {
  const [first, last] = [events.at(0), events.at(-1)];
  const isSame =
    events.length === end.events &&
    first !== undefined &&
    last !== undefined &&
    JSON.stringify([markOf(first), markOf(last)]) === JSON.stringify([end.first, end.last]);
  if (isSame) return;
  throw new SegmentDamaged('wrong-end', `it has ${events.length} events, its end tells others`);
}

export function markOf({ position, id, created }: RawEvent): ArchivedMark {
  return { position: String(position), id, createdAt: timeOf(created) };
}

export const hashOf = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');
