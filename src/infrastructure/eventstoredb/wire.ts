import type { Reader } from 'protobufjs/minimal.js';
import type { LogPosition } from '../../events/log-position.ts';

/**
 * Common parts of the messages of reads and appends. After each function, the reader is behind the
 * part that it read.
 */

/** The end of the message whose length comes next. */
export const endOf = (reader: Reader): number => reader.uint32() + reader.pos;

export function number64(reader: Reader): bigint {
  const value = reader.uint64();
  if (typeof value === 'number') return BigInt(value);
  const low = BigInt(value.low >>> 0);
  return value.high === 0 ? low : (BigInt(value.high >>> 0) << 32n) | low;
}

/** A position's two fields. */
export function logPosition(reader: Reader, end: number): LogPosition {
  let commit = 0n;
  let prepare = 0n;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) commit = number64(reader);
    else if (tag >>> 3 === 2) prepare = number64(reader);
    else reader.skipType(tag & 7);
  }
  return { commit, prepare };
}

/** The string field `field` of a message. */
export function text(reader: Reader, field: number, end: number): string {
  let found = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === field) found = reader.string();
    else reader.skipType(tag & 7);
  }
  return found;
}
