import { pause } from '../support/pause.ts';

/** The time between two requests, in milliseconds. */
const lookMs = 200;
/** The longest answer of a service that is ready, in milliseconds. */
const answerMs = 1_000;

/** Watches `/readyz` of a service as a balancer does. */
export class Readiness {
  readonly #stop = new AbortController();
  readonly #url: () => string;
  readonly #done: Promise<void>;
  #faultMs = Number.POSITIVE_INFINITY;
  #isReady = false;
  #noticedMs: number | undefined;

  /** @param url the address of the service, which may change */
  constructor(url: () => string) {
    this.#url = url;
    this.#done = this.#watch();
  }

  /** The fault begins now. */
  fault(): void {
    this.#faultMs = Date.now();
  }

  /** The first time when it was not ready after the fault, in milliseconds since the epoch. */
  get noticedMs(): number | undefined {
    return this.#noticedMs;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const url = `${this.#url()}/readyz`;
      this.#isReady = await fetch(url, { signal: AbortSignal.timeout(answerMs) }).then(
        ({ ok }) => ok,
        () => false,
      );
      if (!this.#isReady && Date.now() >= this.#faultMs) this.#noticedMs ??= Date.now();
      await pause(lookMs, signal);
    }
  }
}
