import { deepStrictEqual } from 'node:assert';
import type { AppendResult, EventStore } from '../../../src/commands/core/event-store.ts';
import { MemoryEventStore } from '../../support/memory-event-store.ts';

/**
 * A real log whose appends are taken by the log in memory, too, and answered the same by both:
 * histories run on the server, and the audit reads them from memory. Appends go one by one; streams
 * have names of their own.
 */
export class MirroredEventStore extends MemoryEventStore {
  readonly #real: EventStore;
  readonly #suffix: string;
  #last: Promise<unknown> = Promise.resolve();
  /** Calls that the server has not answered yet. */
  underWay = 0;

  constructor(real: EventStore, suffix: string) {
    super();
    this.#real = real;
    this.#suffix = suffix;
  }

  override append(...[stream, expected, events]: Parameters<EventStore['append']>) {
    const appended = this.#last.then(async (): Promise<AppendResult> => {
      const [answer, real] = await Promise.all([
        super.append(stream, expected, events),
        this.#real.append(stream + this.#suffix, expected, events),
      ]);
      deepStrictEqual({ ...real, position: 0n }, { ...answer, position: 0n });
      return real;
    });
    this.#last = appended.catch(() => {});
    return this.#counted(appended);
  }

  override async *readStream(stream: string, from?: bigint, countMax?: number) {
    this.underWay += 1;
    try {
      yield* this.#real.readStream(stream + this.#suffix, from, countMax);
    } finally {
      this.underWay -= 1;
    }
  }

  override async *readBackwards(stream: string) {
    this.underWay += 1;
    try {
      yield* this.#real.readBackwards(stream + this.#suffix);
    } finally {
      this.underWay -= 1;
    }
  }

  async #counted<T>(call: Promise<T>): Promise<T> {
    this.underWay += 1;
    try {
      return await call;
    } finally {
      this.underWay -= 1;
    }
  }
}
