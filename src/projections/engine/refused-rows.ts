import assert from 'node:assert/strict';
import { isRefusal } from '../../infrastructure/postgres.ts';
import { pgText } from '../../support/pg-text.ts';

/** Rows that PostgreSQL refuses, and the search for their event in a batch. */

/**
 * The service keeps so many characters of PostgreSQL's message, because the message may repeat a
 * long value.
 */
const messageCharsMax = 300;

/**
 * PostgreSQL refuses rows because of their values (a number out of range, a text that cannot be a
 * key). It would refuse them again.
 */
export class RowsRefused extends Error {
  constructor(cause: Error) {
    const said = pgText(cause.message).slice(0, messageCharsMax);
    super(`PostgreSQL refuses its rows: ${said}`, { cause });
    this.name = 'RowsRefused';
  }
}

/** For `catch`. @throws RowsRefused, or the error as it is */
export function throwRefused(error: unknown): never {
  throw error instanceof Error && isRefusal(error) ? new RowsRefused(error) : error;
}

/**
 * The number of events that one transaction may have. When PostgreSQL refuses the rows of one
 * event, it refuses the whole batch. Then the size is halved until that event is alone. After that,
 * it doubles with each written batch.
 */
export class BatchSize {
  readonly #limit: number;
  #max: number;

  constructor(limit: number) {
    this.#limit = limit;
    this.#max = limit;
  }

  /** Events that the next batch may have. */
  get max(): number {
    return this.#max;
  }

  get isReduced(): boolean {
    return this.#max < this.#limit;
  }

  /** A batch of so many events, at least two, was refused. */
  refused(count: number): void {
    assert(count >= 2, `a batch of ${count} cannot be halved`);
    this.#max = Math.ceil(count / 2);
  }

  written(): void {
    this.#max = Math.min(this.#limit, 2 * this.#max);
  }
}
