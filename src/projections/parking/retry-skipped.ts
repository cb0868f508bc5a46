import { readSkips } from '../../events/skipped.ts';
import { pause } from '../../support/pause.ts';
import type { Logger } from '../engine/options.ts';
import { readParked } from './parked-table.ts';
import { type RetryOptions, retryParked } from './retry.ts';

/** Attempts while PostgreSQL or the log cannot be reached, and the pause between two, in ms. */
const triesMax = 30;
const againMs = 1_000;

export type SkipRetryOptions = Omit<RetryOptions, 'onProgress'> & { readonly logger: Logger };

/**
 * Makes a function that writes events that were parked after a skipped event. If it is called while
 * it runs, it runs once more.
 * @returns the function. It resolves when nothing is left to do, or after `triesMax` attempts. It
 * never rejects
 */
export function retrySkipped(options: SkipRetryOptions): () => Promise<void> {
  let running: Promise<void> | undefined;
  let isWanted = false;
  const run = async () => {
    while (isWanted) {
      isWanted = false;
      await untilDone(options);
    }
    running = undefined;
  };
  return () => {
    isWanted = true;
    running ??= run();
    return running;
  };
}

async function untilDone(options: SkipRetryOptions): Promise<void> {
  const { logger, signal } = options;
  for (let attempt = 1; attempt <= triesMax && !signal.aborted; attempt += 1) {
    try {
      return await retryOnce(options);
    } catch (error) {
      if (signal.aborted) return;
      logger.warn(
        { err: error },
        'projections: events that were parked after a skipped event could not be written',
      );
    }
    await pause(againMs, signal);
  }
}

async function retryOnce({ logger, ...options }: SkipRetryOptions): Promise<void> {
  const parked = await readParked(options.pool);
  if (parked.length === 0) return;
  const streams = new Set([...(await readSkips(options.eventStore))].map(({ stream }) => stream));
  if (!parked.some(({ stream }) => streams.has(stream))) return;
  const { written, skipped } = await retryParked({ ...options, onProgress: () => {} });
  if (skipped === 0 && written === 0) return;
  const what =
    'projections: events were skipped; the events that were parked after them are written';
  logger.warn({ skipped, written }, what);
}
