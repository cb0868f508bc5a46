/**
 * Walks the trees of the LMDB file before LMDB does, which ends the process, or never ends, on a
 * page that is none. Each page says its own number and kind, so one that was overwritten is seen.
 * Layout: mdb.c, `MDB_page`, `MDB_node`, `MDB_db`.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { type Meta, newestMeta } from './log-file.ts';

/**
 * A log so large that the walk takes longer is opened unchecked from there on: a gigabyte takes
 * about a second.
 */
const checkMsMax = 5_000;
/** Pages between two looks at the clock. */
const pagesPerLook = 1_024;
/** Read at once: the pages of a tree are nearly one after another. */
const windowPages = 64;

const headerBytes = 24;
const nodeBytes = 8;
const branch = 1;
const leaf = 2;
const overflowFlag = 4;
const kinds = branch | leaf | overflowFlag;
/** Of a node: its data is in pages of its own; its data is another tree. */
const bigData = 1;
const subTree = 2;
/** Within what describes a tree: its root, and what the root of an empty one is. */
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

  /** Looks at one more page. False when all were seen. */
  step(): boolean {
    const number = this.#waiting.pop();
    if (number === undefined) return false;
    // A page in two places of a tree would lead around in circles.
    if (this.seen++ > this.#meta.lastPage) throw new Error('log.mdb has pages in two places');
    // Its values may be in pages of their own, which are looked at meanwhile.
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

  /** Pages of which only the first says what it is; `dataBytes` of one value are in them. */
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

  /** A page that says that it is this one. Valid until the next call. */
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
