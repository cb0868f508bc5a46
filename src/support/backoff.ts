/** Pauses between tries. */
export interface Backoff {
  /** Before the second try, in milliseconds; it doubles with each try after that. */
  readonly firstMs: number;
  /** Longest pause, in milliseconds. */
  readonly maxMs: number;
  /** The share of a pause that is random, 0 to 1: several clients do not come back together. */
  readonly randomShare: number;
}

/** 2 to a higher power would be no finite number some day. */
const doublingsMax = 30;

/** The pause after so many failed tries before this one (0 after the first), in milliseconds. */
export const backoffMs = (failedBefore: number, { firstMs, maxMs, randomShare }: Backoff): number =>
  randomized(Math.min(maxMs, firstMs * 2 ** Math.min(failedBefore, doublingsMax)), randomShare);

/** Between `(1 - share) * ms` and `ms`. */
export const randomized = (ms: number, share: number): number => ms * (1 - share * Math.random());
