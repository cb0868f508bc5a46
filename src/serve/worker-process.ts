import cluster, { type Worker } from 'node:cluster';
import { within } from '../support/time-limit.ts';
import {
  type AdminPage,
  type Brief,
  briefAsEnvironment,
  type FromWorker,
  type ToWorker,
} from './worker-channel.ts';

/**
 * After `DRAIN_SECONDS`, a worker has this time to finish its requests (`closeMs` in
 * `http/limits.ts`) and to close its connections. Then it is killed. In milliseconds.
 */
const stopMs = 20_000;
/** A worker that does not answer within this time has no page. In milliseconds. */
const askMs = 2_000;

/** How a worker ended. */
interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A worker process, seen from the primary process. */
export class WorkerProcess {
  readonly brief: Brief;
  /** Resolves when the process has ended in any way. Never rejects. */
  readonly exited: Promise<WorkerExit>;
  readonly #worker: Worker;
  readonly #drainMs: number;
  readonly #asked = new Map<number, (answer: unknown) => void>();
  #askedCount = 0;
  #serves = false;
  #stopping: Promise<void> | undefined;

  constructor(brief: Brief, drainMs: number) {
    this.brief = brief;
    this.#drainMs = drainMs;
    this.#worker = cluster.fork(briefAsEnvironment(brief));
    this.exited = new Promise((resolve) => {
      this.#worker.once('exit', (code: number, signal: NodeJS.Signals) =>
        resolve({ code, signal: signal || null }),
      );
      // A process that could not be started, or a message to one that has just ended.
      this.#worker.on('error', () => {
        if (this.#worker.process.pid === undefined) resolve({ code: null, signal: null });
      });
    });
    void this.exited.then(() => {
      this.#serves = false;
      for (const take of this.#asked.values()) take(undefined);
    });
    this.#worker.on('message', (said: FromWorker) => {
      if ('id' in said) this.#asked.get(said.id)?.(said.answer);
    });
  }

  /** Is its port open? */
  get serves(): boolean {
    return this.#serves;
  }

  /**
   * Waits until the worker serves. The worker itself bounds each step of its start.
   * @returns its text for people about the API
   * @throws Error with the worker's reason if it ends before
   */
  async ready(): Promise<string> {
    const word = await Promise.race([
      new Promise<FromWorker>((resolve) => {
        this.#worker.on('message', (said: FromWorker) => {
          if ('ready' in said || 'failed' in said) resolve(said);
        });
      }),
      this.exited.then(({ code, signal }): FromWorker => {
        const how = signal ?? `exit code ${code}`;
        return { failed: `worker ${this.brief.worker} ended at its start (${how})` };
      }),
    ]);
    if (!('ready' in word)) {
      await this.exited;
      throw new Error('failed' in word ? word.failed : 'not a first word');
    }
    this.#serves = true;
    return word.ready;
  }

  /** A page of its admin listener; undefined if it gives none within 2 s. */
  async ask(page: AdminPage): Promise<unknown> {
    this.#askedCount += 1;
    const id = this.#askedCount;
    const answered = new Promise((resolve) => this.#asked.set(id, resolve));
    this.#tell({ ask: page, id });
    try {
      return await within(askMs, answered, () => undefined);
    } finally {
      this.#asked.delete(id);
    }
  }

  /** Stops it without the wait for balancers. */
  hurry(): void {
    this.#tell({ atOnce: true });
  }

  /** Asks it to stop and waits for its end. It is killed `stopMs` after `DRAIN_SECONDS`. */
  stop(why: string): Promise<void> {
    this.#stopping ??= this.#stop(why);
    return this.#stopping;
  }

  async #stop(why: string): Promise<void> {
    this.#tell({ stop: why });
    const timer = setTimeout(() => this.#worker.process.kill('SIGKILL'), this.#drainMs + stopMs);
    await this.exited;
    clearTimeout(timer);
  }

  /** A worker that has just ended does not get it. */
  #tell(message: ToWorker): void {
    if (this.#worker.isConnected()) this.#worker.send(message, () => {});
  }
}
