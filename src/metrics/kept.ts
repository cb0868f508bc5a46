import { valueWithin } from '../support/time-limit.ts';

/**
 * Asks at most once in `keptMs`, however often it is called, and gives up after `waitMs`.
 * @returns the answer of the last time; undefined when there was none
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
