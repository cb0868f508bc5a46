import { backoffMs } from '../../support/backoff.ts';
import { within } from '../../support/time-limit.ts';
import type { EventStoreBounds } from './bounds.ts';
import { NoAnswer } from './failures.ts';

/** The wait before the next try, after `failed` earlier tries (from 0), in milliseconds. */
export const retryWaitMs = (
  failed: number,
  { retryFirstMs, retryMaxMs }: Pick<EventStoreBounds, 'retryFirstMs' | 'retryMaxMs'>,
): number => backoffMs(failed, { firstMs: retryFirstMs, maxMs: retryMaxMs, randomShare: 0.5 });

/** The promise's outcome, or NoAnswer after `ms`. */
export const answerWithin = <T>(ms: number, what: string, promise: Promise<T>): Promise<T> =>
  within(ms, promise, () => {
    throw new NoAnswer(`${what}: no answer in ${Math.round(ms)} ms`);
  });
