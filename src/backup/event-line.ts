import { isUtf8 } from 'node:buffer';
import type { RawEvent } from '../infrastructure/raw-log.ts';

/**
 * An event of an archive is one line of JSON. Its data and metadata are exactly the bytes of the
 * log.
 */

/** The log counts `created` in steps of 100 ns. */
const stepsPerMs = 10_000n;
const stepDigits = 4;
const timePattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})(\d{4})Z$/;
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const jsonType = 'application/json';

/** A line that is not an event. */
export class NotAnEvent extends Error {}

/** Steps of 100 ns since the epoch as a time with seven digits behind the second. */
export function timeOf(created: string): string {
  const ms = Number(created.slice(0, -stepDigits));
  const steps = created.slice(-stepDigits).padStart(stepDigits, '0');
  return `${new Date(ms).toISOString().slice(0, -1)}${steps}Z`;
}

/**
 * The reverse of `timeOf`.
 * @throws NotAnEvent
 */
export function stepsOf(time: unknown): string {
  const [, ms = '', steps = ''] = timePattern.exec(typeof time === 'string' ? time : '') ?? [];
  const parsed = Date.parse(`${ms}Z`);
  if (Number.isNaN(parsed)) throw new NotAnEvent('its time is none');
  return String(BigInt(parsed) * stepsPerMs + BigInt(steps));
}

/**
 * Text stays text, so that anybody can read it with `zcat`. Bytes that are not text are in base64.
 */
const kept = (bytes: Uint8Array): string | { readonly base64: string } => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return isUtf8(buffer) ? buffer.toString() : { base64: buffer.toString('base64') };
};

/** Without the line's end. */
export const encodeLine = (event: RawEvent): string =>
  JSON.stringify({
    position: String(event.position),
    createdAt: timeOf(event.created),
    stream: event.stream,
    revision: String(event.revision),
    id: event.id,
    type: event.type,
    contentType: event.contentType === jsonType ? undefined : event.contentType,
    metadata: kept(event.metadata),
    data: kept(event.data),
  });

/** @throws NotAnEvent */
export function decodeLine(line: string): RawEvent {
  const value = parsed(line);
  const { id, contentType = jsonType } = value;
  if (typeof id !== 'string' || !uuidPattern.test(id)) throw new NotAnEvent('its id is none');
  if (typeof contentType !== 'string') throw new NotAnEvent('its content type is none');
  return {
    id,
    stream: textIn(value, 'stream'),
    revision: numberIn(value, 'revision'),
    position: numberIn(value, 'position'),
    type: textIn(value, 'type'),
    created: stepsOf(value.createdAt),
    contentType,
    metadata: bytesIn(value, 'metadata'),
    data: bytesIn(value, 'data'),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function parsed(line: string): Fields {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Fields;
  } catch {
    // told below
  }
  throw new NotAnEvent('it is no JSON object');
}

function textIn(value: Fields, field: string): string {
  const found = value[field];
  if (typeof found === 'string' && found !== '') return found;
  throw new NotAnEvent(`its ${field} is no text`);
}

/** A number of 64 bits, as in the event store. */
function numberIn(value: Fields, field: string): bigint {
  const found = value[field];
  if (typeof found === 'string' && /^[0-9]{1,19}$/.test(found)) return BigInt(found);
  throw new NotAnEvent(`its ${field} is no number`);
}

function bytesIn(value: Fields, field: string): Uint8Array {
  const found = value[field];
  if (typeof found === 'string') return Buffer.from(found);
  const { base64 } = (found ?? {}) as { readonly base64?: unknown };
  if (typeof base64 === 'string') return Buffer.from(base64, 'base64');
  throw new NotAnEvent(`its ${field} is missing`);
}
