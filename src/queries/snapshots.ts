/** The size of a chunk in bytes. A change costs a copy and a compression of one chunk. */
const chunkBytes = 32 * 1_024;

/**
 * Copies, in chunks, of bytes that change in place. A copy never changes. If a chunk has not
 * changed since the last copy, the old copy of the chunk is used again.
 */
export class Snapshots {
  readonly #bytes: Buffer;
  readonly #copies: (Buffer | undefined)[];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#copies = new Array(Math.ceil(bytes.length / chunkBytes)).fill(undefined);
  }

  /** These bytes have changed. */
  changed(from: number, length: number): void {
    const last = Math.floor((from + length - 1) / chunkBytes);
    for (let at = Math.floor(from / chunkBytes); at <= last; at += 1) this.#copies[at] = undefined;
  }

  /** A copy of the current bytes. */
  take(): readonly Buffer[] {
    return this.#copies.map((copy, at) => {
      if (copy !== undefined) return copy;
      const from = at * chunkBytes;
      const fresh = Buffer.from(this.#bytes.subarray(from, from + chunkBytes));
      this.#copies[at] = fresh;
      return fresh;
    });
  }
}
