import { pause } from '../support/pause.ts';

/** The time between two requests, in milliseconds. */
const lookMs = 200;
/** The longest answer of a service that is ready, in milliseconds. */
const answerMs = 1_000;

/** Watches `/readyz` of services as a balancer does. */
export class Readiness {
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;
  readonly #isReady: boolean[];
  #faultMs = Number.POSITIVE_INFINITY;
  #noticedMs: number | undefined;
  #lastMs: number | undefined;

  /** @param urls of each service; it may move */
  constructor(urls: readonly (() => string)[]) {
    this.#isReady = urls.map(() => false);
    this.#done = Promise.all(urls.map((url, at) => this.#watch(url, at)));
  }

  /** The fault begins now. */
  fault(): void {
    this.#faultMs = Date.now();
  }

  /** The first time when a service was not ready after the fault, in ms since the epoch. */
  get noticedMs(): number | undefined {
    return this.#noticedMs;
  }

  /** When a service was last not ready after the fault; undefined when each one always was. */
  get lastMs(): number | undefined {
    return this.#lastMs;
  }

  get isReady(): boolean {
    return this.#isReady.every(Boolean);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #watch(urlOf: () => string, at: number): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const url = `${urlOf()}/readyz`;
      const isReady = await fetch(url, { signal: AbortSignal.timeout(answerMs) }).then(
        ({ ok }) => ok,
        () => false,
      );
      this.#isReady[at] = isReady;
      if (!isReady && Date.now() >= this.#faultMs) {
        this.#lastMs = Date.now();
        this.#noticedMs ??= this.#lastMs;
      }
      await pause(lookMs, signal);
    }
  }
}
