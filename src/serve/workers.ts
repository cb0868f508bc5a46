import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { keepRunning } from '../servers/keep-running.ts';
import type { AdminPage, Brief } from './worker-channel.ts';
import { WorkerProcess } from './worker-process.ts';

const here = import.meta.url;
/** If this process runs `dist/`, its workers run it, too, and do not compare the sources. */
const isBuilt = here.endsWith('.js');

/** The common parameters of the workers of a service. */
export interface WorkersOptions {
  readonly count: number;
  readonly brief: Omit<Brief, 'worker'>;
  readonly drainMs: number;
  readonly onFault: (message: string, fatal: boolean) => void;
  readonly onRestart: () => void;
}

/**
 * The worker processes of a service. The primary process accepts connections and gives them to the
 * workers in turns. A worker that ends by itself is started again, within the bounds of `Restarts`
 * for each worker.
 */
export class Workers {
  readonly #options: WorkersOptions;
  readonly #parts: { stop(): Promise<void> }[] = [];
  /** The newest process of each worker, by its number. */
  readonly #processes = new Map<number, WorkerProcess>();
  #stopReason: string | undefined;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  /**
   * Starts the first worker, then the others. So one worker updates the tables and fills an empty
   * log.
   * @returns the first worker's text for people about the API
   * @throws Error with a message for people if a worker cannot start. Call `stop` then, too
   */
  async start(): Promise<string> {
    // The other policy lets the kernel choose. It may give most connections to a few workers.
    cluster.schedulingPolicy = cluster.SCHED_RR;
    if (isBuilt) cluster.setupPrimary({ exec: fileURLToPath(new URL('../main.js', here)) });
    let text = '';
    await this.#keep(1, (ready) => {
      text ||= ready;
    });
    const others = Array.from({ length: this.#options.count - 1 }, (_, n) => this.#keep(n + 2));
    const failed = (await Promise.allSettled(others)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
    return text;
  }

  /** A page of each worker that serves, by number. `undefined`: it gives no answer. */
  async ask(page: AdminPage): Promise<ReadonlyMap<number, unknown>> {
    const serving = [...this.#processes].filter(([, { serves }]) => serves);
    return new Map(
      await Promise.all(
        serving.map(async ([worker, process]) => [worker, await process.ask(page)] as const),
      ),
    );
  }

  /** The numbers of all workers. */
  get numbers(): readonly number[] {
    return Array.from({ length: this.#options.count }, (_, n) => n + 1);
  }

  /** Ends the wait for balancers. */
  hurry(): void {
    for (const process of this.#processes.values()) process.hurry();
  }

  /** Stops all workers at the same time, and starts none again. */
  async stop(why: string): Promise<void> {
    this.#stopReason ??= why;
    // Also those that are starting.
    const ending = [...this.#processes.values()].map((process) => process.stop(why));
    await Promise.all([...this.#parts.map((part) => part.stop()), ...ending]);
  }

  async #keep(worker: number, onReady: (text: string) => void = () => {}): Promise<void> {
    const { brief, drainMs, onFault, onRestart } = this.#options;
    const start = async () => {
      if (this.#stopReason !== undefined) throw new Error(this.#stopReason);
      const process = new WorkerProcess({ ...brief, worker }, drainMs);
      this.#processes.set(worker, process);
      onReady(await process.ready());
      const stop = () => process.stop(this.#stopReason ?? 'stop');
      return { url: `http://127.0.0.1:${brief.port}`, exited: process.exited, stop };
    };
    await keepRunning(`process of worker ${worker}`, start, this.#parts, onFault, onRestart);
  }
}
