import { valueWithin } from '../support/time-limit.ts';

/**
 * Asks at most once per `keptMs`, and waits for the answer at most `waitMs`. The number of calls
 * does not change this.
 * @returns the last answer; undefined if there was none
 */
export function kept<T>(
  ask: () => Promise<T>,
  { keptMs, waitMs }: { readonly keptMs: number; readonly waitMs: number },
): () => Promise<T | undefined> {
  let askedMs = Number.NEGATIVE_INFINITY;
  let answer: Promise<T | undefined> = Promise.resolve(undefined);
  return () => {
    const nowMs = performance.now();
    if (nowMs - askedMs >= keptMs) {
      askedMs = nowMs;
      answer = valueWithin(waitMs, ask());
    }
    return answer;
  };
}
