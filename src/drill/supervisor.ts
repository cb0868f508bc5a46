import { pause } from '../support/pause.ts';
import { whenAborted } from '../support/when-aborted.ts';
import type { ServiceProcess } from './service-process.ts';

/**
 * When a service counts as dead, as in `ops/kubernetes/reprise.yaml` and the `Dockerfile`: the time
 * between two requests to `/livez`, the longest time of an answer, and the number of requests
 * without an answer, unless another number is set.
 */
export const liveness = { askMs: 5_000, answerMs: 5_000, unansweredMax: 3 } as const;
/** The pause before an ended service is started again, in milliseconds. */
const startAgainMs = 500;

/**
 * Does the work of Docker and Kubernetes. It starts a service again that has ended, and ends a
 * service that does not answer `/livez`.
 */
export class Supervisor {
  /** Its actions, with their times. */
  readonly restarts: { readonly at: string; readonly what: string }[] = [];
  readonly #service: ServiceProcess;
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;
  readonly #unansweredMax: number;
  #isUp = true;
  #isAway = false;

  /** @param service a running service */
  constructor(service: ServiceProcess, unansweredMax: number = liveness.unansweredMax) {
    this.#service = service;
    this.#unansweredMax = unansweredMax;
    this.#done = Promise.all([this.#startAgain(), this.#ask()]);
  }

  /** Does nothing while `work` runs, because `work` may stop and start the service. */
  async away<T>(work: () => Promise<T>): Promise<T> {
    this.#isAway = true;
    try {
      return await work();
    } finally {
      this.#isAway = false;
    }
  }

  /** From now on, does nothing to the service. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #startAgain(): Promise<void> {
    const { signal } = this.#stop;
    const stopped = whenAborted(signal);
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
      await pause(liveness.askMs, signal);
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
    return fetch(url, { signal: AbortSignal.timeout(liveness.answerMs) }).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  #note(what: string): void {
    this.restarts.push({ at: new Date().toISOString(), what });
  }
}
