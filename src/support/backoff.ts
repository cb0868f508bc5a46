/** Pauses between tries. */
export interface Backoff {
  /** The pause before the second try, in milliseconds. It doubles with each further try. */
  readonly firstMs: number;
  /** Longest pause, in milliseconds. */
  readonly maxMs: number;
  /**
   * The random share of a pause, 0 to 1. With it, several clients do not try again at the same
   * time.
   */
  readonly randomShare: number;
}

/** A bound of the exponent, because a high power of 2 is not a finite number. */
const doublingsMax = 30;

/** The pause after so many failed tries before this one (0 after the first), in milliseconds. */
export const backoffMs = (failedBefore: number, { firstMs, maxMs, randomShare }: Backoff): number =>
  randomized(Math.min(maxMs, firstMs * 2 ** Math.min(failedBefore, doublingsMax)), randomShare);

/** Between `(1 - share) * ms` and `ms`. */
export const randomized = (ms: number, share: number): number => ms * (1 - share * Math.random());
