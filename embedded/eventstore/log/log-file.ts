/**
 * Looks at the LMDB file before LMDB does: LMDB would make a new database of an empty file, and
 * would end the process on reading a page that is cut off. Layout of a meta page: mdb.c,
 * `MDB_meta`.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, truncateSync } from 'node:fs';

const metaBytes = 256;
const metaOffset = 24;
const magic = 0xbeefc0de;
/**
 * LMDB itself may leave a file this many pages short: pages that a transaction took at the end and
 * gave back before it was committed.
 */
const unwrittenTailPagesMax = 8;

/** What the file says of itself. */
export interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: number;
  /** First pages of the tree of free pages and of the tree of trees; 2^64 − 1 for an empty one. */
  readonly roots: readonly [bigint, bigint];
}

/**
 * Fills a short tail up, so that LMDB can say what is wrong with it instead of crashing on it.
 * Returns how to undo that, for a file that turns out to be damaged.
 * @throws Error that says what is wrong with the file, which stays as it is.
 */
export function checkLogFile(path: string): () => void {
  const file = openSync(path, 'r+');
  try {
    const { newest, size } = newestMeta(file);
    if (newest === undefined) throw new Error('log.mdb is no log file');
    const wanted = (newest.lastPage + 1) * newest.pageSize;
    if (size >= wanted) return () => {};
    if (wanted - size > unwrittenTailPagesMax * newest.pageSize)
      throw new Error(`log.mdb is cut off: it has ${size} bytes of ${wanted}`);
    ftruncateSync(file, wanted);
    return () => truncateSync(path, size);
  } finally {
    closeSync(file);
  }
}

/** What the newest of the two meta pages says; undefined when one of them is none. */
export function newestMeta(file: number): { newest: Meta | undefined; size: number } {
  const { size } = fstatSync(file);
  const first = readMeta(file, 0, size);
  // The second meta page follows the first; without a first one its place is not known.
  const second = first && readMeta(file, first.pageSize, size);
  if (first === undefined || second === undefined) return { newest: undefined, size };
  return { newest: second.transaction > first.transaction ? second : first, size };
}

function readMeta(file: number, offset: number, size: number): Meta | undefined {
  const page = Buffer.alloc(metaBytes);
  if (size < offset + metaBytes || readSync(file, page, 0, metaBytes, offset) < metaBytes)
    return undefined;
  const meta = page.subarray(metaOffset);
  if (meta.readUInt32LE(0) !== magic) return undefined;
  return {
    pageSize: meta.readUInt32LE(24),
    lastPage: Number(meta.readBigUInt64LE(120)),
    transaction: Number(meta.readBigUInt64LE(128)),
    roots: [meta.readBigUInt64LE(64), meta.readBigUInt64LE(112)],
  };
}
