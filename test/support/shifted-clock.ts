import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The wall clocks of a service and of its embedded event store. A test can change them. */
export class ShiftedClocks {
  /** Environment variables for the service. */
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

  /** Sets how many milliseconds a clock is ahead of the right time, from a moment later on. */
  async set(which: 'service' | 'store', aheadMs: number): Promise<void> {
    const file = join(this.#dir, which);
    await writeFile(`${file}.new`, String(aheadMs));
    await rename(`${file}.new`, file);
  }

  remove(): Promise<void> {
    return rm(this.#dir, { recursive: true, force: true });
  }
}
