import { isRefusal } from '../../infrastructure/postgres.ts';
import { pgText } from '../../support/pg-text.ts';

/** Characters that are kept of what PostgreSQL says: it may repeat the value. */
const messageCharsMax = 300;

/** PostgreSQL refuses rows for what is in them (a number out of range, a text that is no key): it would do so again. */
export class RowsRefused extends Error {
  constructor(cause: Error) {
    const said = pgText(cause.message).slice(0, messageCharsMax);
    super(`PostgreSQL refuses its rows: ${said}`, { cause });
    this.name = 'RowsRefused';
  }
}

/** To be given to `catch`. @throws RowsRefused, or the error as it is */
export function throwRefused(error: unknown): never {
  throw error instanceof Error && isRefusal(error) ? new RowsRefused(error) : error;
}

/**
 * How much is tried at once. Rows of many events are refused together for those of one: half as many are tried until it
 * stands alone, and then twice as many each time.
 */
export class Portion {
  readonly #most: number;
  #now: number;

  constructor(most: number) {
    this.#most = most;
    this.#now = most;
  }

  /** How many may be tried. */
  get max(): number {
    return this.#now;
  }

  /** Is less tried than might be? */
  get isCut(): boolean {
    return this.#now < this.#most;
  }

  /** So many, at least two, were refused. */
  refused(count: number): void {
    this.#now = Math.ceil(count / 2);
  }

  written(): void {
    this.#now = Math.min(this.#most, 2 * this.#now);
  }
}
