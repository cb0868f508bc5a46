/**
 * Checks the LMDB file before LMDB opens it. LMDB would make a new database from an empty file. On
 * a page that is cut off, it would end the process. Layout of a meta page: mdb.c, `MDB_meta`.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, truncateSync } from 'node:fs';

const metaBytes = 256;
const metaOffset = 24;
const magic = 0xbeefc0de;
/**
 * LMDB itself may leave a file that is shorter by this many pages. A transaction took these pages
 * at the end, and gave them back before its commit.
 */
const unwrittenTailPagesMax = 8;

/** The facts in the header of the file. */
export interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: number;
  /** First pages of the tree of free pages and of the tree of trees; 2^64 − 1 for an empty one. */
  readonly roots: readonly [bigint, bigint];
}

/**
 * Makes the end of a short file complete. Then LMDB can report a fault instead of crashing. Returns
 * a function that undoes this, for a damaged file.
 * @throws Error with the fault of the file. Then the file is unchanged.
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

/** The content of the newer of the two meta pages; undefined if one of them is not a meta page. */
export function newestMeta(file: number): { newest: Meta | undefined; size: number } {
  const { size } = fstatSync(file);
  const first = readMeta(file, 0, size);
  // The second meta page follows the first. Without the first one, its place is unknown.
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
