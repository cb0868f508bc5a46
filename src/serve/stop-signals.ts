import { setTimeout as sleep } from 'node:timers/promises';

/** The signals for a stop, and for a stop at once. */
export interface StopSignals {
  /** Aborts when the service must stop, with the reason. */
  readonly stopping: AbortSignal;
  /** Aborts when the stop must not wait for balancers. */
  readonly atOnce: AbortSignal;
  /** Stops the service at once after an error. */
  stop(why: string): void;
}

/**
 * SIGTERM, the signal of supervisors, stops the service after balancers had time to notice. Three
 * things stop it at once: SIGINT (Ctrl-C at a terminal), a second signal after SIGTERM, and a fatal
 * error. During a stop at once, one more signal kills the process.
 */
export function listenForStop(say: (line: string) => void): StopSignals {
  const stopping = new AbortController();
  const atOnce = new AbortController();
  const stop = (why: string) => {
    if (!stopping.signal.aborted) say(`Stopping (${why}) …`);
    stopping.abort(new Error(why));
    atOnce.abort();
    process.off('SIGINT', stop).off('SIGTERM', onTerm);
  };
  const onTerm = (why: string) => {
    if (stopping.signal.aborted) return stop(why);
    say(`Stopping (${why}) …`);
    stopping.abort(new Error(why));
  };
  process.on('SIGINT', stop).on('SIGTERM', onTerm);
  return { stopping: stopping.signal, atOnce: atOnce.signal, stop };
}

/**
 * Waits while balancers may still send buyers here. They notice the stop at their next request to
 * `/readyz`.
 */
export async function drained(
  drainMs: number,
  atOnce: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  if (drainMs === 0 || atOnce.aborted) return;
  say(`  /readyz says no; serving on for ${drainMs / 1_000} s (a second signal stops at once)`);
  await sleep(drainMs, undefined, { signal: atOnce }).catch(() => {});
}
