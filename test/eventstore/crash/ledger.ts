import type { EventData } from '@eventstore/db-client';

/** A revision that an append demanded. `any` demands nothing. */
export type Expected = 'any' | 'no_stream' | bigint;

/**
 * One append as its writer knows it. Without an answer nobody knows: it is there whole or not at
 * all.
 */
export interface Attempt {
  readonly stream: string;
  readonly expected: Expected;
  readonly way: 'batch' | 'unary';
  readonly events: readonly EventData[];
  /** The last event's revision and commit position, as acknowledged. */
  answer?: { readonly revision: bigint; readonly position: bigint };
}

/** All that the writers of a test ever attempted, in the order of their beginnings. */
export class Ledger {
  readonly attempts: Attempt[] = [];

  begin(attempt: Attempt): Attempt {
    this.attempts.push(attempt);
    return attempt;
  }

  get acknowledged(): Attempt[] {
    return this.attempts.filter(({ answer }) => answer !== undefined);
  }

  get unclear(): Attempt[] {
    return this.attempts.filter(({ answer }) => answer === undefined);
  }
}
