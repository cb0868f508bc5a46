import { readFileSync } from 'node:fs';

import { within } from '../support/time-limit.ts';
import { QueueUnavailable } from './queue-unavailable.ts';

/** Longest time that a caller waits for Redis, in milliseconds. */
const answerMsMax = 800;

/** Most calls that wait for Redis at the same time; one more is refused at once. */
const pendingMax = 10_000;

/** Keeps calls to Redis within their bounds. */
export class RedisCalls {
  #pending = 0;

  /**
   * One call. After the time limit a late answer is dropped, so its effect must be harmless.
   * @throws QueueUnavailable for any error
   */
  async ask<T>(call: () => Promise<T>, timeoutMs: number = answerMsMax): Promise<T> {
    if (this.#pending >= pendingMax) throw new QueueUnavailable('too many calls wait for Redis');
    this.#pending += 1;
    const late = () => {
      throw new Error(`no answer in ${timeoutMs} ms`);
    };
    try {
      return await within(timeoutMs, call(), late);
    } catch (cause) {
      throw new QueueUnavailable(`Redis: ${cause instanceof Error ? cause.message : cause}`, cause);
    } finally {
      this.#pending -= 1;
    }
  }
}

/** The text of `lua/<name>.lua` beside a module. @param moduleUrl its `import.meta.url` */
export const luaScript = (name: string, moduleUrl: string): string =>
  readFileSync(new URL(`./lua/${name}.lua`, moduleUrl), 'utf8');
