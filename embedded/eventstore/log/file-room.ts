/**
 * Keeps the log file longer than its content. A flush of pages inside the file writes only these
 * pages. A flush that also makes the file longer writes the file system's journal, too. On ext4,
 * the median of such a flush is twice as long, and its 99th percentile about three times
 * (docs/adr/0013-room-in-the-log-file.md). Every append waits for a flush.
 */
import { closeSync, fstatSync, openSync, write } from 'node:fs';
import { promisify } from 'node:util';
import type { RootDatabase } from 'lmdb';

const writeAt = promisify(write);

/**
 * If less than this is free behind the last page, the file grows. Most commits between two checks
 * need less than this.
 */
const roomBytesMin = 1024 * 1024;
/**
 * The number of commits between two checks of the last page. A check takes a fiftieth of a commit's
 * time.
 */
const commitsPerLook = 8;
/**
 * Writes zeros. With a hole or `fallocate`, the first write of each page would write the journal.
 */
const zeroBytes = Buffer.alloc(1024 * 1024);

export class FileRoom {
  readonly #root: RootDatabase<unknown, string>;
  readonly #file: number;
  #size: number;
  #commits = 0;
  /** The reason why the file could not be made longer, although it has too little room. */
  #refusal: Error | undefined;

  constructor(path: string, root: RootDatabase<unknown, string>) {
    this.#root = root;
    this.#file = openSync(path, 'r+');
    this.#size = fstatSync(this.#file).size;
  }

  /**
   * Makes the file longer by one step if it has too little room. Call it between two commits, and
   * wait for it. While nobody else writes, there are only zeros behind the last page.
   */
  async keep(): Promise<void> {
    if (this.#commits++ % commitsPerLook === 0) await this.#grow();
  }

  /**
   * Call it before a commit, and wait for it. If the disk is full and the file has too little room,
   * it refuses the commit. Otherwise LMDB could end the process after some hundred failed writes.
   * If the disk has space again, it makes the file longer.
   * @throws the error of the disk
   */
  async make(): Promise<void> {
    if (this.#refusal !== undefined) await this.#grow();
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  async #grow(): Promise<void> {
    const { lastPageNumber, pageSize } = this.#root.getStats() as PageStats;
    const used = (lastPageNumber + 1) * pageSize;
    this.#refusal = undefined;
    if (this.#size - used >= roomBytesMin) return;
    const from = Math.max(this.#size, used);
    try {
      const { bytesWritten } = await writeAt(this.#file, zeroBytes, 0, zeroBytes.length, from);
      this.#size = from + bytesWritten;
      // A disk that is almost full writes only a part, and reports no error.
      if (bytesWritten < zeroBytes.length) this.#refusal = new Error('no space left on device');
    } catch (error) {
      this.#refusal = error as Error;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Fields that lmdb-js reports, but that its types do not have. */
interface PageStats {
  readonly lastPageNumber: number;
  readonly pageSize: number;
}
