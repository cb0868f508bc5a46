import { setTimeout as sleep } from 'node:timers/promises';

/** When to stop, and when at once. */
export interface StopSignals {
  /** Aborted when the service is to stop, with the reason. */
  readonly stopping: AbortSignal;
  /** Aborted when the stop must not wait for balancers. */
  readonly atOnce: AbortSignal;
  /** Something went wrong: stop at once. */
  stop(why: string): void;
}

/**
 * SIGTERM, as supervisors send it, stops the service after those who send it buyers had time to
 * notice. SIGINT, as Ctrl-C at a terminal sends it, a second signal of either kind, and what goes
 * wrong stop it at once. A signal after that ends the process as if nobody listened.
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

/** For as long balancers may send buyers here: they hear of it when they next ask `/readyz`. */
export async function drained(
  drainMs: number,
  atOnce: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  if (drainMs === 0 || atOnce.aborted) return;
  say(`  /readyz says no; serving on for ${drainMs / 1_000} s (a second signal stops at once)`);
  await sleep(drainMs, undefined, { signal: atOnce }).catch(() => {});
}
