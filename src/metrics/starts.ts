import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Gauge, type Registry } from 'prom-client';
import { z } from 'zod';
import { replaceDurably } from '../support/durable-files.ts';

/** An unexpected start counts for this long, in milliseconds. */
const countsMs = 600_000;
/** The largest number of starts that are kept. More starts in this time give no new information. */
const keptMax = 100;

const kept = z.object({
  /** A process runs, or ended without a stop. */
  runs: z.boolean(),
  /** The times of the unexpected starts, oldest first. */
  unexpected: z.array(z.iso.datetime()),
});

const pathOf = (dataDir: string): string => join(dataDir, 'status', 'starts.json');

/**
 * The starts of the service of a DATA_DIR. A start is unexpected if the process before it ended
 * without a stop: a crash, a hang, SIGKILL, a loss of power. `DATA_DIR/status/starts.json` has
 * them. Without this file, for example in a new DATA_DIR, nothing is known about a process before.
 */
export class Starts {
  readonly #dataDir: string;
  readonly #unexpected: readonly string[];

  private constructor(dataDir: string, unexpected: readonly string[]) {
    this.#dataDir = dataDir;
    this.#unexpected = unexpected;
  }

  /** Notes a start. @throws the system's error if it cannot be written */
  static async begin(dataDir: string): Promise<Starts> {
    const before = await read(dataDir);
    const now = new Date().toISOString();
    const unexpected = [...before.unexpected, ...(before.runs ? [now] : [])].filter(counts);
    const starts = new Starts(dataDir, unexpected.slice(-keptMax));
    await starts.#write(true);
    return starts;
  }

  /** The unexpected starts of the last ten minutes. */
  get unexpected(): number {
    return this.#unexpected.filter(counts).length;
  }

  /** Notes a stop: the next start is expected. @throws the system's error */
  async stopped(): Promise<void> {
    await this.#write(false);
  }

  async #write(runs: boolean): Promise<void> {
    await mkdir(join(this.#dataDir, 'status'), { recursive: true });
    const text = JSON.stringify({ runs, unexpected: this.#unexpected });
    await replaceDurably(pathOf(this.#dataDir), `${text}\n`);
  }
}

/** @param starts undefined counts as none */
export function showStarts(registry: Registry, starts: () => Starts | undefined): void {
  new Gauge({
    name: 'reprise_unexpected_starts',
    help: 'Unexpected starts in the last ten minutes: the process before had ended without a signal to stop.',
    registers: [registry],
    collect() {
      this.set(starts()?.unexpected ?? 0);
    },
  });
}

const counts = (at: string): boolean => Date.now() - Date.parse(at) < countsMs;

/** A file that cannot be read counts as missing. */
async function read(dataDir: string): Promise<z.infer<typeof kept>> {
  try {
    return kept.parse(JSON.parse(await readFile(pathOf(dataDir), 'utf8')));
  } catch {
    return { runs: false, unexpected: [] };
  }
}
