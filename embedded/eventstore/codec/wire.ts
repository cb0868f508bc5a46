/**
 * The parts of the protobuf wire format that frequent messages need. Numbers are JavaScript
 * numbers, because positions and revisions stay below 2^53. Only one value is larger:
 * EventStoreDB's revision of a tombstone. It has a name.
 */

/** Means 2^63 − 1, the revision of a tombstone and the `$tb` of a soft-deleted stream. */
export const maxRevision = Number.MAX_SAFE_INTEGER;

const varintType = 0;
const fixed64 = 1;
const bytesType = 2;
const fixed32 = 5;

/** Reads one message, field by field: `while (reader.next()) switch (reader.field) …`. */
export class WireReader {
  field = 0;
  #wireType = 0;
  #at: number;
  readonly #buffer: Buffer;
  readonly #end: number;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.varint();
    this.field = Math.floor(tag / 8);
    this.#wireType = tag & 7;
    return true;
  }

  /**
   * An unsigned number. Values above 2^53 lose their low bits. Values from 2^63 − 1 on become
   * maxRevision.
   */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.#at >= this.#end) throw new WireError('a number is cut off');
      const byte = this.#buffer[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return Math.min(value, maxRevision);
      scale *= 128;
    }
    throw new WireError('a number is longer than 64 bits');
  }

  /** All 64 bits, for the few values that use them. */
  varint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#buffer[this.#at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError('a number is longer than 64 bits');
  }

  bool(): boolean {
    return this.varint() !== 0;
  }

  /** A view into the buffer, not a copy. */
  bytes(): Buffer {
    if (this.#wireType !== bytesType) throw new WireError(`field ${this.field} has the wrong type`);
    const length = this.varint();
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw new WireError(`field ${this.field} is cut off`);
    return this.#buffer.subarray(start, this.#at);
  }

  string(): string {
    return this.bytes().toString('utf8');
  }

  message(): WireReader {
    const length = this.varint();
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw new WireError(`field ${this.field} is cut off`);
    return new WireReader(this.#buffer, start, this.#at);
  }

  /** Skips a field that the caller does not need. */
  skip(): void {
    switch (this.#wireType) {
      case varintType:
        this.varint();
        return;
      case fixed64:
        this.#at += 8;
        return;
      case bytesType:
        this.bytes();
        return;
      case fixed32:
        this.#at += 4;
        return;
      default:
        throw new WireError(`field ${this.field} has an unknown wire type`);
    }
  }
}

/** The bytes are not a message of the protocol. */
export class WireError extends Error {}

/** A request that makes the handler of a real server fail. The answer is UNKNOWN. */
export class HandlerError extends Error {}

/** The number of bytes that `writeVarint` writes for this number. */
export function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  if (value >= maxRevision) return 9;
  let length = 4;
  for (let rest = Math.floor(value / 0x10000000); rest > 0; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** Writes an unsigned number at `at`. Returns the offset after it. maxRevision becomes 2^63 − 1. */
export function writeVarint(buffer: Buffer, value: number, at: number): number {
  let rest = value;
  let to = at;
  if (rest >= maxRevision) {
    buffer.fill(0xff, to, to + 8);
    buffer[to + 8] = 0x7f;
    return to + 9;
  }
  while (rest >= 0x80000000) {
    buffer[to++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 0x80) {
    buffer[to++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[to++] = rest;
  return to;
}

/** Writes the parts of a message one after the other. For small and rare messages. */
export type Part = Buffer;

export function numberField(field: number, value: number): Part {
  const buffer = Buffer.allocUnsafe(varintLength(field * 8) + varintLength(value));
  writeVarint(buffer, value, writeVarint(buffer, field * 8 + varintType, 0));
  return buffer;
}

export function bytesField(field: number, value: Uint8Array | string): Part {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  const buffer = Buffer.allocUnsafe(
    varintLength(field * 8) + varintLength(bytes.length) + bytes.length,
  );
  const at = writeVarint(buffer, bytes.length, writeVarint(buffer, field * 8 + bytesType, 0));
  buffer.set(bytes, at);
  return buffer;
}

export function messageField(field: number, ...parts: Part[]): Part {
  return bytesField(field, parts.length === 1 ? (parts[0] as Part) : Buffer.concat(parts));
}

/** For the few numbers that use all 64 bits. */
export function varint64Field(field: number, value: bigint): Part {
  const bytes = [field * 8 + varintType];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
