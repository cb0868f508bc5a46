import { backoffMs } from '../support/backoff.ts';
import { pause } from '../support/pause.ts';

/** Longest wait for the answer of a receiver, in milliseconds. */
const answerMs = 5_000;
/** Tries of one message: about two minutes. */
const triesMax = 8;
const backoff = { firstMs: 1_000, maxMs: 60_000, randomShare: 0.2 };
/** Messages that wait for one receiver. Above this number, the oldest is dropped. */
const waitingMax = 200;
/** Characters of a receiver's answer that an error repeats. */
const repeatedMax = 200;

interface Waiting {
  readonly body: string;
  readonly settle: (error: string | undefined) => void;
}

/**
 * Sends messages to one receiver, one after another. If the receiver does not accept a message, it
 * sends the message again.
 */
export class Delivery {
  /** The URL without credentials, path and query, so that it may be logged. */
  readonly name: string;
  readonly #url: string;
  readonly #signal: AbortSignal;
  readonly #waiting: Waiting[] = [];
  #running = false;

  /** @param signal ends it at once; waiting messages are dropped */
  constructor(url: string, signal: AbortSignal) {
    this.#url = url;
    this.name = new URL(url).origin;
    this.#signal = signal;
  }

  /** @returns undefined if the receiver accepted it, else the last reason. Never rejects. */
  send(body: object): Promise<string | undefined> {
    return new Promise((settle) => {
      this.#waiting.push({ body: JSON.stringify(body), settle });
      if (this.#waiting.length > waitingMax) {
        this.#waiting.shift()?.settle(`more than ${waitingMax} messages wait`);
      }
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next.settle(await this.#deliver(next.body));
    }
    this.#running = false;
  }

  async #deliver(body: string): Promise<string | undefined> {
    let error = '';
    for (let tried = 0; tried < triesMax && !this.#signal.aborted; tried += 1) {
      if (tried > 0) await pause(backoffMs(tried - 1, backoff), this.#signal);
      const outcome = await this.#post(body);
      if (outcome === undefined) return undefined;
      error = outcome.error;
      if (outcome.isFinal) return error;
    }
    return error === '' ? 'the alarm ended' : error;
  }

  async #post(body: string): Promise<{ error: string; isFinal: boolean } | undefined> {
    try {
      const answer = await fetch(this.#url, {
        ...{ method: 'POST', body, headers: { 'content-type': 'application/json' } },
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(answerMs)]),
      });
      const text = (await answer.text()).slice(0, repeatedMax);
      if (answer.ok) return undefined;
      // If the receiver refuses a message, it will refuse it again, unless it refused because of
      // too many requests.
      const isFinal = answer.status < 500 && answer.status !== 429 && answer.status !== 408;
      return { error: `${answer.status} ${text}`.trim(), isFinal };
    } catch (error) {
      const { cause, message } = error as Error;
      return { error: cause instanceof Error ? cause.message : message, isFinal: false };
    }
  }
}
