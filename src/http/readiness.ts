import type { ProjectionState } from '../projections/overview.ts';
import type { ReadSideStatus } from '../queries/read-side.ts';
import type { HttpDeps, Probe } from './endpoint.ts';
import { httpLimits } from './limits.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly dependencies: Readonly<Record<string, 'up' | 'down'>>;
  /** `position` is null before the first event. */
  readonly projection: Omit<ReadSideStatus, 'position' | 'eventPosition'> & {
    readonly position: string | null;
    readonly rowsWrong: number;
  };
  /** Undefined while PostgreSQL does not tell. */
  readonly projections: readonly ProjectionState[] | undefined;
}

type Asked = Pick<HttpDeps, 'probes' | 'reads' | 'projections' | 'rowsWrong'>;

/**
 * Asks every dependency and the read side. Simultaneous callers share one round of probes, so that a flood of
 * `/readyz` never becomes a flood of probes.
 */
export function createReadiness(asked: Asked): () => Promise<Readiness> {
  let round: Promise<Readiness> | undefined;
  return () => {
    round ??= ask(asked).finally(() => {
      round = undefined;
    });
    return round;
  };
}

async function ask({ probes, reads, projections, rowsWrong }: Asked): Promise<Readiness> {
  const [states, told] = await Promise.all([
    Promise.all(Object.values(probes).map(upOrDown)),
    withinProbeTime(projections()),
  ]);
  const dependencies = Object.fromEntries(
    Object.keys(probes).map((name, at) => [name, states[at] ?? 'down']),
  );
  const { eventPosition: _, ...status } = reads.status();
  // Once it was live, being behind is no reason to take it away from buyers as long as it moves on.
  const keepsUp =
    status.state === 'live' && status.stalledSeconds < httpLimits.projectionStallMaxSeconds;
  return {
    ready: keepsUp && states.every((state) => state === 'up'),
    dependencies,
    projection: {
      ...status,
      position: status.position === null ? null : String(status.position),
      rowsWrong: rowsWrong(),
    },
    projections: told,
  };
}

async function withinProbeTime<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, httpLimits.probeMs, undefined);
  });
  return Promise.race([work.catch(() => undefined), late]).finally(() => clearTimeout(timer));
}

async function upOrDown(probe: Probe): Promise<'up' | 'down'> {
  try {
    return (await probe(httpLimits.probeMs)) ? 'up' : 'down';
  } catch {
    return 'down';
  }
}
