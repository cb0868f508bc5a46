import type { EventStoreBounds } from './bounds.ts';
import { NoAnswer } from './failures.ts';

/**
 * How long to wait before try number `attempt` (from 0): doubling, capped, and between half and all
 * of that.
 */
export function retryWaitMs(
  attempt: number,
  bounds: Pick<EventStoreBounds, 'retryFirstMs' | 'retryMaxMs'>,
): number {
  const full = Math.min(bounds.retryMaxMs, bounds.retryFirstMs * 2 ** Math.min(attempt, 16));
  return full * (0.5 + Math.random() / 2);
}

/** Resolves after `ms`, or at once when the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}

/**
 * The promise's outcome, or NoAnswer after `ms`. A later rejection is taken note of, so it never
 * escapes.
 */
export function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const text = `${what}: no answer in ${Math.round(ms)} ms`;
    const timer = setTimeout(() => reject(new NoAnswer(text)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
