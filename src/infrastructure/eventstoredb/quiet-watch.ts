import type { EventStoreDBClient } from '@eventstore/db-client';
import type { EventStoreBounds } from './bounds.ts';
import { NoAnswer } from './failures.ts';
import { type Newest, newestOn } from './read.ts';

/** The subscription that the watch observes and ends. */
export interface Watched {
  /**
   * Has it given out all messages that came? If not, the consumer is slow, and the server is not
   * silent.
   */
  readonly isWaiting: boolean;
  fail(error: Error): void;
}

/**
 * Distinguishes a quiet log from a silent server, and ends the subscription of a silent server with
 * an error. A subscription that was never confirmed is silent. After `quietCheckMs` without an
 * event, the watch asks for the newest event of the log, on its own connection. The server is
 * silent when it does not answer, or when the subscription still lacks that event at the next
 * check.
 */
export class QuietWatch {
  readonly #client: EventStoreDBClient;
  readonly #bounds: EventStoreBounds;
  readonly #subscription: Watched;
  readonly #lacks: (newest: Newest) => boolean;
  #timer: NodeJS.Timeout;
  #heard = false;
  #suspect = false;
  #stopped = false;

  /** @param lacks should the subscription have delivered this event, but has not? */
  constructor(
    client: EventStoreDBClient,
    bounds: EventStoreBounds,
    subscription: Watched,
    lacks: (newest: Newest) => boolean,
  ) {
    this.#client = client;
    this.#bounds = bounds;
    this.#subscription = subscription;
    this.#lacks = lacks;
    this.#timer = setTimeout(() => {
      if (!this.#heard) return this.#silent('the subscription was not confirmed');
      this.#later();
    }, bounds.answerMs);
  }

  /** A message came, so the server is there. */
  heard(): void {
    this.#heard = true;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #later(): void {
    this.#heard = false;
    this.#timer = setTimeout(() => void this.#check(), this.#bounds.quietCheckMs);
  }

  get #quiet(): boolean {
    return !this.#heard && this.#subscription.isWaiting;
  }

  async #check(): Promise<void> {
    const wasSuspect = this.#suspect;
    this.#suspect = false;
    if (this.#quiet) {
      try {
        const newest = await newestOn(this.#client, this.#bounds.answerMs);
        if (newest !== null && this.#quiet && this.#lacks(newest)) {
          if (wasSuspect) return this.#silent('the subscription delivers nothing more');
          this.#suspect = true;
        }
      } catch (error) {
        return this.#silent('the store does not answer', error);
      }
    }
    if (!this.#stopped) this.#later();
  }

  #silent(why: string, cause?: unknown): void {
    if (!this.#stopped) this.#subscription.fail(new NoAnswer(why, cause));
  }
}
