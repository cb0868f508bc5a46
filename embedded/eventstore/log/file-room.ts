/**
 * Keeps the log file longer than what it holds. A flush of pages inside the file writes just these
 * pages; one that also makes the file longer takes the file system's journal along. On ext4 that
 * doubles the median of a flush and makes its 99th percentile three to five times as long, and
 * every append waits for a flush (docs/performance.md).
 */
import { closeSync, fstatSync, openSync, write } from 'node:fs';
import { promisify } from 'node:util';
import type { RootDatabase } from 'lmdb';

const writeAt = promisify(write);

/**
 * Less than this behind the last page, and the file grows: more than what most commits between two
 * looks take.
 */
const roomBytesMin = 1024 * 1024;
/**
 * Commits from one look at the last page to the next: looking takes a fiftieth of a commit's time.
 */
const commitsPerLook = 8;
/**
 * Zeros, not a hole and not `fallocate`: pages that were never written are journalled when they
 * are.
 */
const zeroBytes = Buffer.alloc(1024 * 1024);

export class FileRoom {
  readonly #root: RootDatabase<unknown, string>;
  readonly #file: number;
  #size: number;
  #commits = 0;
  /** Why the file could not be made longer, when it is tight. */
  #refusal: Error | undefined;

  constructor(path: string, root: RootDatabase<unknown, string>) {
    this.#root = root;
    this.#file = openSync(path, 'r+');
    this.#size = fstatSync(this.#file).size;
  }

  /**
   * Makes the file longer by one step where it has become tight. To be called, and waited for,
   * between two commits: while nobody else writes, nothing but zeros can be beyond the last page.
   */
  async keep(): Promise<void> {
    if (this.#commits++ % commitsPerLook === 0) await this.#grow();
  }

  /**
   * To be called, and waited for, before a commit. A file that is tight, because the disk is full,
   * takes none: LMDB can end the process when it has failed to write some hundred times.
   * @throws what the disk said; room that it has again is taken
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
      // A disk with the last bytes of its room writes a part, and says nothing.
      if (bytesWritten < zeroBytes.length) this.#refusal = new Error('no space left on device');
    } catch (error) {
      this.#refusal = error as Error;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Fields that lmdb-js reports and its types lack. */
interface PageStats {
  readonly lastPageNumber: number;
  readonly pageSize: number;
}
