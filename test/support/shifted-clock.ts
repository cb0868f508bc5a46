import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The wall clocks of a service and of its embedded event store, for a test to step. */
export class ShiftedClocks {
  /** For the service. */
  readonly env: Readonly<Record<string, string>>;
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
    this.env = {
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${new URL('shifted-clock.mjs', import.meta.url).href}`,
      CLOCK_SHIFT_SERVICE: join(dir, 'service'),
      CLOCK_SHIFT_STORE: join(dir, 'store'),
    };
  }

  static async make(): Promise<ShiftedClocks> {
    return new ShiftedClocks(await mkdtemp(join(tmpdir(), 'reprise-clock-')));
  }

  /** From a moment after this on, it is so far ahead of the right time. */
  async set(which: 'service' | 'store', aheadMs: number): Promise<void> {
    const file = join(this.#dir, which);
    await writeFile(`${file}.new`, String(aheadMs));
    await rename(`${file}.new`, file);
  }

  remove(): Promise<void> {
    return rm(this.#dir, { recursive: true, force: true });
  }
}
