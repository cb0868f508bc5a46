import type { Reader } from 'protobufjs/minimal.js';

/** What the messages of reads and appends have in common. Each function leaves the reader behind what it read. */

/** Where the message ends whose length comes next. */
export const endOf = (reader: Reader): number => reader.uint32() + reader.pos;

export function number64(reader: Reader): bigint {
  const value = reader.uint64();
  if (typeof value === 'number') return BigInt(value);
  const low = BigInt(value.low >>> 0);
  return value.high === 0 ? low : (BigInt(value.high >>> 0) << 32n) | low;
}

/** The first field of a position. */
export function commitPosition(reader: Reader, end: number): bigint {
  let position = 0n;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) position = number64(reader);
    else reader.skipType(tag & 7);
  }
  return position;
}

/** A message's one string field that is asked for. */
export function text(reader: Reader, field: number, end: number): string {
  let found = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === field) found = reader.string();
    else reader.skipType(tag & 7);
  }
  return found;
}
