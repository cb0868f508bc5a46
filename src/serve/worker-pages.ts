import { type JsonAnswer, type ProblemAnswer, problem } from '../http/answer.ts';
import type { Readiness } from '../http/readiness.ts';
import { tellReadiness } from '../http/routes/health.ts';
import { mergePages } from '../metrics/merge-pages.ts';
import type { PrimaryMetrics } from '../metrics/primary-metrics.ts';
import type { Workers } from './workers.ts';

/** The admin pages of a service with workers: one page for all of them. */

/** The metrics of the workers and of the primary process. The label `worker` distinguishes them. */
export async function metricsOf(
  workers: Pick<Workers, 'ask'>,
  primary: Pick<PrimaryMetrics, 'page'>,
): Promise<string> {
  const [own, told] = await Promise.all([primary.page(), workers.ask('metrics')]);
  return mergePages([own, ...[...told.values()].filter((page) => typeof page === 'string')]);
}

/** From the worst to the best. */
const states: readonly Readiness['state'][] = ['not-ready', 'draining', 'degraded', 'ready'];

/** A worker that does not run, or does not serve yet, is `starting`. It gets no connections. */
type WorkerState = Readiness['state'] | 'starting' | 'no answer';

/**
 * The service is ready if at least one worker serves, and if each worker that serves and answers is
 * ready. The page has the answer of the worker in the worst state, and the state of each worker. A
 * worker that starts gets no connections, and one that hangs gets at most one more. So these two do
 * not count.
 */
export async function readyzOf(
  workers: Pick<Workers, 'ask' | 'numbers'>,
): Promise<JsonAnswer | ProblemAnswer> {
  const told = (await workers.ask('readiness')) as ReadonlyMap<number, Readiness | undefined>;
  const stateOf = (worker: number): WorkerState =>
    told.has(worker) ? (told.get(worker)?.state ?? 'no answer') : 'starting';
  const each = workers.numbers.map((worker) => ({ worker, state: stateOf(worker) }));
  const [worst] = [...told.values()]
    .filter((readiness) => readiness !== undefined)
    .sort((a, b) => states.indexOf(a.state) - states.indexOf(b.state));
  if (worst !== undefined) return tellReadiness(async () => ({ ...worst, workers: each }));
  const words = each.map(({ worker, state }) => `worker ${worker}: ${state}`);
  return problem('not-ready', { detail: `No worker serves. ${words.join(', ')}.`, workers: each });
}
