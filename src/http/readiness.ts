import type { ClockStatus } from '../clock/service-clock.ts';
import type { ProjectionState } from '../projections/engine/overview.ts';
import type { ReadSideStatus } from '../projections/projector.ts';
import type { QueueCounts, QueueLimits } from '../queue/waiting-queue.ts';
import { valueWithin } from '../support/time-limit.ts';
import type { HttpDeps, Probe } from './endpoint.ts';
import { httpLimits } from './limits.ts';

export interface Readiness {
  /**
   * `degraded`: the instance sells without PostgreSQL. `draining`: it still sells, and will stop
   * soon.
   */
  readonly state: 'ready' | 'degraded' | 'not-ready' | 'draining';
  readonly dependencies: Readonly<Record<string, 'up' | 'down'>>;
  /** `position` is null before the first event. */
  readonly projection: Omit<ReadSideStatus, 'position' | 'eventPosition'> & {
    readonly position: string | null;
    readonly rowsWrong: number;
  };
  readonly clock: ClockStatus;
  /**
   * The line of the shop, and its rooms by name. Has no counts while the queue does not report
   * them.
   */
  readonly queue: Partial<QueueCounts> &
    QueueLimits & {
      readonly rooms?: Readonly<Record<string, QueueCounts & QueueLimits>>;
      readonly warnings: readonly string[];
    };
  /** Undefined while PostgreSQL does not report them. */
  readonly projections: readonly ProjectionState[] | undefined;
}

type Asked = Pick<
  HttpDeps,
  'probes' | 'reads' | 'projections' | 'rowsWrong' | 'clock' | 'rooms' | 'queueWarnings'
>;

/**
 * Asks every dependency and the read side. Simultaneous callers share one round of probes. So many
 * calls of `/readyz` cause only few probes.
 * @param isDraining will the service stop soon?
 */
export function createReadiness(
  asked: Asked,
  isDraining: () => boolean = () => false,
): () => Promise<Readiness> {
  let round: Promise<Readiness> | undefined;
  let excusedUntilMs = Number.NEGATIVE_INFINITY;
  const ask = async (): Promise<Readiness> => {
    const found = await look(asked);
    const nowMs = performance.now();
    // Right after PostgreSQL came back, every instance is behind. A balancer must not remove an
    // instance for this.
    if (found.dependencies.postgres === 'down') excusedUntilMs = nowMs + excusedMs;
    return { ...found, state: stateOf(found, nowMs < excusedUntilMs) };
  };
  return async () => {
    round ??= ask().finally(() => {
      round = undefined;
    });
    const found = await round;
    return isDraining() ? { ...found, state: 'draining' } : found;
  };
}

/**
 * After the last failed probe of PostgreSQL, an instance stays ready for this long although it is
 * behind, in milliseconds.
 */
const excusedMs = httpLimits.projectionStallMaxSeconds * 1_000;

/**
 * An instance that can sell is ready. To sell, it needs the event store and the queue. PostgreSQL
 * is only needed to show lists. For a while, lists are in memory without it. No other instance has
 * PostgreSQL then, either.
 */
function stateOf(
  { dependencies, projection }: Omit<Readiness, 'state'>,
  isExcused: boolean,
): Readiness['state'] {
  const { postgres, ...needed } = dependencies;
  const canSell = Object.values(needed).every((state) => state === 'up');
  // If an instance was live once and still makes progress, it stays ready although it is behind.
  const keepsUp = isExcused || projection.stalledSeconds < httpLimits.projectionStallMaxSeconds;
  if (!canSell || projection.state !== 'live' || !keepsUp) return 'not-ready';
  return postgres === 'down' ? 'degraded' : 'ready';
}

async function look({
  probes,
  reads,
  projections,
  rowsWrong,
  clock,
  rooms,
  queueWarnings = () => [],
}: Asked): Promise<Omit<Readiness, 'state'>> {
  const [states, told, counts] = await Promise.all([
    Promise.all(Object.values(probes).map(upOrDown)),
    valueWithin(httpLimits.probeMs, projections()),
    valueWithin(httpLimits.probeMs, rooms.counts()),
  ]);
  const dependencies = Object.fromEntries(
    Object.keys(probes).map((name, at) => [name, states[at] ?? 'down']),
  );
  const { eventPosition: _, ...status } = reads.status();
  return {
    dependencies,
    projection: {
      ...status,
      position: status.position === null ? null : String(status.position),
      rowsWrong: rowsWrong(),
    },
    clock: clock(),
    queue: { ...inLines(counts, rooms), ...rooms.queueOf('').limits, warnings: queueWarnings() },
    projections: told,
  };
}

function inLines(
  counts: ReadonlyMap<string, QueueCounts> | undefined,
  shop: Asked['rooms'],
): Pick<Readiness['queue'], 'rooms' | keyof QueueCounts> {
  const all = [...(counts ?? [])];
  const rooms = all.filter(([room]) => room !== '');
  const limited = rooms.map(([room, of]) => [room, { ...of, ...shop.queueOf(room).limits }]);
  const line = all.find(([room]) => room === '')?.[1];
  return { ...line, ...(rooms.length > 0 && { rooms: Object.fromEntries(limited) }) };
}

async function upOrDown(probe: Probe): Promise<'up' | 'down'> {
  try {
    return (await probe(httpLimits.probeMs)) ? 'up' : 'down';
  } catch {
    return 'down';
  }
}
