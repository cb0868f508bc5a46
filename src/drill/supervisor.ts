import { pause } from '../support/pause.ts';
import type { ServiceProcess } from './service-process.ts';

/** Between two questions whether the service lives, in milliseconds. */
const askMs = 1_000;
/** The longest answer of a service that lives, in milliseconds. */
const answerMs = 2_000;
/** So many questions without an answer, and it is ended: where nothing else is said. */
const usualUnansweredMax = 3;
/** Before a service that ended is started again, in milliseconds. */
const startAgainMs = 500;

/**
 * Does for a service what Docker and Kubernetes do: starts it again when it has ended, and ends it
 * when it does not answer `/livez`.
 */
export class Supervisor {
  /** What it did, and when. */
  readonly restarts: { readonly at: string; readonly what: string }[] = [];
  readonly #service: ServiceProcess;
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;
  readonly #unansweredMax: number;
  #isUp = true;
  #isAway = false;

  /** @param service one that runs */
  constructor(service: ServiceProcess, unansweredMax = usualUnansweredMax) {
    this.#service = service;
    this.#unansweredMax = unansweredMax;
    this.#done = Promise.all([this.#startAgain(), this.#ask()]);
  }

  /** Leaves the service alone while `work` is done, which may stop and start it. */
  async away<T>(work: () => Promise<T>): Promise<T> {
    this.#isAway = true;
    try {
      return await work();
    } finally {
      this.#isAway = false;
    }
  }

  /** Lets the service be as it is from now on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #startAgain(): Promise<void> {
    const { signal } = this.#stop;
    const stopped = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    while (!signal.aborted) {
      await Promise.race([this.#service.exited, stopped]);
      if (signal.aborted) return;
      await pause(startAgainMs, signal);
      if (this.#isAway || signal.aborted) continue;
      this.#isUp = false;
      this.#note('the service ended, and is started again');
      await this.#service.start().then(
        () => this.#note('the service is back'),
        (error: Error) => this.#note(`the service did not start: ${error.message.slice(0, 300)}`),
      );
      this.#isUp = true;
    }
  }

  async #ask(): Promise<void> {
    const { signal } = this.#stop;
    let unanswered = 0;
    while (!signal.aborted) {
      await pause(askMs, signal);
      if (!this.#isUp || this.#isAway) {
        unanswered = 0;
        continue;
      }
      unanswered = (await this.#lives()) ? 0 : unanswered + 1;
      if (unanswered < this.#unansweredMax || signal.aborted) continue;
      unanswered = 0;
      this.#note('the service does not answer /livez, and is ended');
      this.#service.signal('SIGKILL');
    }
  }

  async #lives(): Promise<boolean> {
    const url = `${this.#service.adminUrl}/livez`;
    return fetch(url, { signal: AbortSignal.timeout(answerMs) }).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  #note(what: string): void {
    this.restarts.push({ at: new Date().toISOString(), what });
  }
}
