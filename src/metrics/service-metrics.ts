import { statfs } from 'node:fs/promises';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { HttpServer } from '../http/server.ts';
import type { UnfinishedWork } from '../queries/unfinished-work.ts';
import { type LogPlace, readNotes } from './command-notes.ts';
import { Counters } from './counters.ts';
import { kept } from './kept.ts';
import { type Disk, registerReadings } from './readings.ts';
import { type Starts, showStarts } from './starts.ts';

/**
 * For PostgreSQL, the notes and the disk: the shortest time between two questions, and the longest
 * wait for an answer. In milliseconds.
 */
const askBounds = { keptMs: 5_000, waitMs: 1_000 };

/** The sources of the readings. */
export interface MetricSources {
  readonly http: Pick<HttpServer, 'readiness' | 'load'>;
  /** @throws when PostgreSQL gives no answer */
  readonly work: () => Promise<UnfinishedWork>;
  /** The log of the service, and the directory in which commands write their notes. */
  readonly place: LogPlace;
}

/** The metrics of one service, in a registry of its own: docs/metrics.md has all of them. */
export class ServiceMetrics {
  readonly counters: Counters;
  /** Set once the service has its DATA_DIR. */
  starts: Starts | undefined;
  readonly #registry = new Registry();
  readonly #take: ReturnType<typeof registerReadings>;

  /** @param worker the number of this worker process, a label of each value. Default: no label */
  constructor(version: string, worker?: number) {
    if (worker !== undefined) this.#registry.setDefaultLabels({ worker });
    this.counters = new Counters(this.#registry);
    this.#take = registerReadings(this.#registry);
    collectDefaultMetrics({ register: this.#registry });
    new Gauge({
      name: 'reprise_build_info',
      help: '1, with the versions that run.',
      labelNames: ['version', 'node'],
      registers: [this.#registry],
    }).set({ version, node: process.versions.node }, 1);
    // Only the primary process knows the starts of the service. No worker knows them.
    if (worker === undefined) showStarts(this.#registry, () => this.starts);
  }

  /**
   * @returns a function that reads all values that are not counted, within the bounds of `/readyz`.
   * Then it writes all metrics in the text format of Prometheus
   */
  page({ http, work, place }: MetricSources): () => Promise<string> {
    const workNow = kept(work, askBounds);
    const notesNow = kept(() => readNotes(place), askBounds);
    const diskNow = kept(() => diskOf(place.dataDir), askBounds);
    return async () => {
      const [readiness, unfinished, notes = noNotes, disk] = await Promise.all([
        ...([http.readiness(), workNow(), notesNow(), diskNow()] as const),
      ]);
      this.#take({ readiness, load: http.load(), work: unfinished, notes, disk });
      return this.#registry.metrics();
    };
  }
}

const noNotes = { backup: undefined, verify: undefined };

/**
 * The free space for ordinary users, and the size of the file system. @throws the system's error
 */
async function diskOf(dataDir: string): Promise<Disk> {
  const { bavail, blocks, bsize } = await statfs(dataDir);
  return { free: bavail * bsize, size: blocks * bsize };
}
