import { promisify } from 'node:util';
import { constants, crc32, deflateRaw } from 'node:zlib';
import { eachLimited } from '../support/concurrency.ts';

const deflate = promisify(deflateRaw);

/**
 * Stretches of one body that are compressed at the same time: as many as libuv has threads. All at
 * once take four times the CPU, because each needs some 270 kB of memory before its turn.
 */
const deflatesAtOnce = 4;

/** A stretch of a body, compressed independently of the other stretches. */
interface Deflated {
  readonly data: Buffer;
  readonly crc: number;
}

/** Each stretch is compressed once. The result is dropped together with the stretch. */
const deflated = new WeakMap<Buffer, Promise<Deflated>>();

/** RFC 1952: method deflate, no name, no time, compression level not given, unknown system. */
const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** RFC 1951: a last block with nothing in it. */
const lastBlock = Buffer.from([3, 0]);

/**
 * One gzip member of stretches that never change. Only new stretches are compressed. This takes a
 * small part of the time for a large body. Each stretch ends at a full flush, so no stretch refers
 * to another.
 * @returns the member in parts. The same stretch always gives the same buffers
 */
export async function gzipChunks(
  chunks: readonly Buffer[],
  level: number,
): Promise<readonly Buffer[]> {
  const parts = await eachLimited(chunks, deflatesAtOnce, (chunk) => deflateOnce(chunk, level));
  let crc = 0;
  let length = 0;
  for (const [at, part] of parts.entries()) {
    const own = chunks[at]?.length ?? 0;
    crc = shifted(crc, own) ^ part.crc;
    length += own;
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc >>> 0, 0);
  trailer.writeUInt32LE(length % 2 ** 32, 4);
  return [head, ...parts.map(({ data }) => data), lastBlock, trailer];
}

function deflateOnce(chunk: Buffer, level: number): Promise<Deflated> {
  let made = deflated.get(chunk);
  if (made === undefined) {
    const options = { level, finishFlush: constants.Z_FULL_FLUSH };
    made = deflate(chunk, options).then((data) => ({ data, crc: crc32(chunk) }));
    deflated.set(chunk, made);
  }
  return made;
}

/**
 * For a number of bytes: the change of a checksum when so many zero bytes follow, as 32 columns.
 * This change is linear, so the checksum of the next bytes is added by XOR.
 */
const shifts = new Map<number, readonly number[]>();
/**
 * Stretches have only few different lengths. Above this number, the table is emptied and computed
 * again.
 */
const shiftsMax = 1_000;

function shifted(crc: number, bytes: number): number {
  let shift = shifts.get(bytes);
  if (shift === undefined) {
    shift = shiftOf(bytes);
    if (shifts.size >= shiftsMax) shifts.clear();
    shifts.set(bytes, shift);
  }
  return times(shift, crc);
}

/** As in zlib's crc32_combine: the shift by one bit, doubled once for each bit of the length. */
function shiftOf(bytes: number): readonly number[] {
  const oneBit = [0xedb88320, ...Array.from({ length: 31 }, (_, bit) => 2 ** bit)];
  let power = squared(squared(squared(oneBit)));
  let shift: readonly number[] = Array.from({ length: 32 }, (_, bit) => (2 ** bit) | 0);
  for (let left = bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) shift = shift.map((column) => times(power, column));
    power = squared(power);
  }
  return shift;
}

const squared = (matrix: readonly number[]): readonly number[] =>
  matrix.map((column) => times(matrix, column));

function times(matrix: readonly number[], vector: number): number {
  let sum = 0;
  for (let bit = 0, left = vector >>> 0; left !== 0; bit += 1, left >>>= 1) {
    if (left & 1) sum ^= matrix[bit] ?? 0;
  }
  return sum;
}
