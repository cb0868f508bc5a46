/**
 * Checks the trees of the LMDB file before LMDB reads them. On an invalid page, LMDB ends the
 * process or never stops. Each page contains its number and kind, so the check finds pages that
 * were overwritten. Layout: mdb.c, `MDB_page`, `MDB_node`, `MDB_db`.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { type Meta, newestMeta } from './log-file.ts';

/**
 * If the check takes longer, the remaining pages are not checked. A gigabyte takes about a second.
 */
const checkMsMax = 5_000;
/** The number of pages between two checks of the clock. */
const pagesPerLook = 1_024;
/** The number of pages in one read, because the pages of a tree are almost consecutive. */
const windowPages = 64;

const headerBytes = 24;
const nodeBytes = 8;
const branch = 1;
const leaf = 2;
const overflowFlag = 4;
const kinds = branch | leaf | overflowFlag;
/** Flags of a node: its data is in separate pages; its data is another tree. */
const bigData = 1;
const subTree = 2;
/** In the description of a tree: the place of its root, and the value for an empty tree. */
const rootOffset = 40;
const noPage = 2n ** 64n - 1n;

/** @throws Error that names the first page that is damaged */
export function checkPages(path: string): void {
  const file = openSync(path, 'r');
  try {
    const { newest } = newestMeta(file);
    if (newest === undefined) throw new Error('log.mdb is no log file');
    const walk = new Walk(file, newest);
    const deadline = performance.now() + checkMsMax;
    while (walk.step()) if (walk.seen % pagesPerLook === 0 && performance.now() > deadline) return;
  } finally {
    closeSync(file);
  }
}

class Walk {
  seen = 0;
  readonly #file: number;
  readonly #meta: Meta;
  readonly #waiting: number[] = [];
  readonly #window: Buffer;
  /** The first page in the window; −1 while there is none. */
  #windowAt = -1;

  constructor(file: number, meta: Meta) {
    this.#file = file;
    this.#meta = meta;
    this.#window = Buffer.alloc(windowPages * meta.pageSize);
    for (const root of meta.roots) this.#wait(root);
  }

  /** Checks one more page. False when all pages were checked. */
  step(): boolean {
    const number = this.#waiting.pop();
    if (number === undefined) return false;
    // With a page in two places of a tree, the check would never end.
    if (this.seen++ > this.#meta.lastPage) throw new Error('log.mdb has pages in two places');
    // Its values may be in separate pages. These are checked meanwhile.
    const page = Buffer.from(this.#page(number));
    const kind = page.readUInt16LE(18) & kinds;
    if (kind !== branch && kind !== leaf) throw damagedPage(number);
    const lower = page.readUInt16LE(20);
    if (lower > page.readUInt16LE(22) || lower + headerBytes > page.length)
      throw damagedPage(number);
    for (let node = (lower >> 1) - 1; node >= 0; node--) {
      const at = headerBytes + page.readUInt16LE(headerBytes + 2 * node);
      if (at + nodeBytes > page.length) throw damagedPage(number);
      if (kind === branch) this.#wait(BigInt(page.readUIntLE(at, 6)));
      else this.#leafNode(page, number, at);
    }
    return true;
  }

  #leafNode(page: Buffer, number: number, at: number): void {
    const flags = page.readUInt16LE(at + 4);
    if ((flags & (bigData | subTree)) === 0) return;
    const data = at + nodeBytes + page.readUInt16LE(at + 6);
    const bytes = (flags & bigData) !== 0 ? 8 : rootOffset + 8;
    if (data + bytes > page.length) throw damagedPage(number);
    if ((flags & bigData) === 0) this.#wait(page.readBigUInt64LE(data + rootOffset));
    else this.#overflow(page.readBigUInt64LE(data), page.readUInt32LE(at));
  }

  /** Consecutive pages with `dataBytes` of one value. Only the first page has a header. */
  #overflow(first: bigint, dataBytes: number): void {
    const number = this.#inFile(first);
    const page = this.#page(number);
    const pages = page.readUInt32LE(20);
    const fits = pages * page.length >= dataBytes + headerBytes;
    if ((page.readUInt16LE(18) & kinds) !== overflowFlag || !fits) throw damagedPage(number);
    if (number + pages - 1 > this.#meta.lastPage) throw damagedPage(number);
  }

  #wait(number: bigint): void {
    if (number !== noPage) this.#waiting.push(this.#inFile(number));
  }

  #inFile(number: bigint): number {
    if (number > BigInt(this.#meta.lastPage))
      throw new Error('log.mdb names pages that it has not');
    return Number(number);
  }

  /** The page with this number, if its header has the number. Valid until the next call. */
  #page(number: number): Buffer {
    const { pageSize } = this.#meta;
    const at = number - (number % windowPages);
    if (at !== this.#windowAt) {
      const read = readSync(this.#file, this.#window, 0, this.#window.length, at * pageSize);
      this.#window.fill(0, read);
      this.#windowAt = at;
    }
    const page = this.#window.subarray((number - at) * pageSize, (number - at + 1) * pageSize);
    if (page.readBigUInt64LE(0) !== BigInt(number)) throw damagedPage(number);
    return page;
  }
}

function damagedPage(number: number): Error {
  return new Error(`page ${number} of log.mdb is damaged`);
}
