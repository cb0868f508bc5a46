import type { ServiceClock } from '../clock/service-clock.ts';
import { Catalog } from '../commands/concert/catalog.ts';
import type { EventStore } from '../commands/core/event-store.ts';
import { IdempotencyKeys } from '../commands/idempotency/idempotency-keys.ts';
import { Sales } from '../commands/sales/sales.ts';
import { type Config, fairUseOf } from '../config.ts';
import { allowedHosts } from '../http/allowed-hosts.ts';
import type { HttpDeps } from '../http/endpoint.ts';
import { ShopRooms } from '../http/shop-rooms.ts';
import type { Logger } from '../infrastructure/logger.ts';
import { countOutcomes } from '../metrics/counted-ports.ts';
import type { Counters } from '../metrics/counters.ts';
import { RowComparison } from '../processes/compare-rows.ts';
import { expireHolds } from '../processes/expire-holds.ts';
import { followCatalog } from '../processes/follow-catalog.ts';
import { followSteering } from '../processes/follow-steering.ts';
import { type RecoveryParts, recover } from '../processes/recovery.ts';
import { runProjections } from '../projections/engine/engine.ts';
import { LiveLag } from '../projections/engine/live-lag.ts';
import { projectionOverview, projectionState } from '../projections/engine/overview.ts';
import { projections } from '../projections/models/registry.ts';
import { retrySkipped } from '../projections/parking/retry-skipped.ts';
import type { Projector } from '../projections/projector.ts';
import { createBoughtSeats } from '../queries/bought-seats.ts';
import { createLogEnd } from '../queries/log-end.ts';
import { createReadSide } from '../queries/mirrored-read-side.ts';
import { rowSamples } from '../queries/row-samples.ts';
import { SeatFeed } from '../queries/seat-feed.ts';
import { SoldOutRooms, soldOutSessions } from '../queries/sold-out.ts';
import { workLists } from '../queries/work-lists.ts';
import type { ServiceUrls } from '../servers/service-file.ts';
import { InProcessHoldLimit } from '../shared-state/in-process-hold-limit.ts';
import { InProcessOwnPositions } from '../shared-state/in-process-own-positions.ts';
import { RedisHoldLimit } from '../shared-state/redis-hold-limit.ts';
import { RedisOwnPositions } from '../shared-state/redis-own-positions.ts';
import { pause } from '../support/pause.ts';
import { traceCommands } from '../tracing/traced-ports.ts';
import type { Connections } from './connect.ts';
import { steerRooms } from './open-rooms.ts';
import { renewReadModels } from './renew-read-models.ts';

/** The time between two checks whether the processes may begin, in milliseconds. */
const beginCheckMs = 100;

/** The common parameters of the parts of a service. */
export interface Surroundings {
  readonly logger: Logger;
  readonly say: (line: string) => void;
  /** Ends what runs. */
  readonly signal: AbortSignal;
  readonly onError: (what: string, error: unknown) => void;
}

/** The parts that follow the log: the catalog in memory, and the read models. */
export interface Followers {
  readonly catalog: Catalog;
  /** Resolves when the catalog has read all past events. */
  readonly catalogRead: Promise<void>;
  /** Resolves when the steering of the queue is known. */
  readonly steeringRead: Promise<void>;
  readonly projector: Projector;
  /** Resolves when both have ended by the signal. */
  readonly ended: Promise<unknown>;
}

export function followLog(
  { store, postgres, rooms, clock }: Connections,
  servers: ServiceUrls,
  { logger, say, signal, onError }: Surroundings,
): Followers {
  const catalog = new Catalog();
  const common = { store, signal, onError };
  const following = followCatalog({ ...common, catalog });
  const steering = followSteering({ ...common, clock, steer: steerRooms(rooms, catalog) });
  const parts = { eventStore: store, pool: postgres.pool, projections, logger, signal };
  const unpark = retrySkipped(parts);
  const projector = runProjections({
    ...parts,
    onParkedSkips: () => void unpark(),
    now: clock.now,
    renew: () => renewReadModels(servers.postgresUrl, store, { say, logger, signal }),
  });
  return {
    catalog,
    catalogRead: following.ready,
    steeringRead: steering.ready,
    projector,
    // By then, the last one only has to end.
    ended: Promise.allSettled([following.ended, steering.ended, projector.done]).then(() =>
      unpark(),
    ),
  };
}

/**
 * Makes the commands of buyers.
 * @param reading the read side, which exists before the first command comes
 */
export function sell(
  { store, redis, clock }: Connections,
  config: Config,
  { catalog }: Followers,
  reading: () => Reading,
  { onError }: Pick<Surroundings, 'onError'>,
): Sales {
  const { now, earliest } = clock;
  const fairUse = fairUseOf(config);
  return new Sales({
    store,
    catalog,
    limit: redis
      ? new RedisHoldLimit(redis, fairUse, { now: earliest })
      : new InProcessHoldLimit(fairUse, earliest),
    bought:
      config.boughtSeatsMax === undefined ? undefined : (buyer) => reading().boughtSeats(buyer),
    settings: config,
    now,
    earliest,
    onLeftOver: onError,
  });
}

/** The read side. */
export type Reading = ReturnType<typeof read>;

export function read(
  { store, db, clock }: Connections,
  config: Config,
  { catalog, projector }: Followers,
  counters: Counters,
) {
  const reads = createReadSide({
    db,
    projector,
    scheduledMs: (sessionId) => catalog.session(sessionId)?.scheduledMs,
    currency: config.currency,
  });
  const logEnd = createLogEnd(store, reads);
  const boughtSeats = createBoughtSeats({ db, reads, logEnd });
  const liveLag = new LiveLag(
    () => projector.status(),
    clock.now,
    (seconds) => counters.shown(seconds),
  );
  projector.listen(liveLag);
  const seatFeed = new SeatFeed({
    wasCancelled: (sessionId) => catalog.session(sessionId)?.cancelled ?? false,
  });
  projector.listen(seatFeed);
  const soldOut = new SoldOutRooms({
    soldOut: () => soldOutSessions(db),
    catalog,
    isShown: () => projector.status().state === 'live',
    now: clock.now,
  });
  return { reads, logEnd, boughtSeats, seatFeed, soldOut };
}

/** The connections that the processes use. */
export type ProcessConnections = Pick<Connections, 'recent' | 'db'> & {
  readonly storeTime: Pick<Connections['storeTime'], 'name'>;
  readonly store: Pick<EventStore, 'readBackwards'>;
  readonly clock: Pick<ServiceClock, 'now' | 'earliest' | 'timeOf'>;
};

/**
 * Starts the processes of a service.
 * @returns the comparison of rows with the log, and a promise of the end of all processes
 */
export function startProcesses(
  { store, storeTime, recent, db, clock }: ProcessConnections,
  {
    catalog,
    projector,
  }: {
    readonly catalog: Pick<Catalog, 'isSaleClosed'>;
    readonly projector: Pick<Projector, 'status'>;
  },
  sales: RecoveryParts['sales'],
  { logger, signal, onError }: Omit<Surroundings, 'say'>,
  counters: Pick<Counters, 'refunded'>,
): { readonly comparison: RowComparison; readonly ended: Promise<unknown> } {
  const { now, earliest } = clock;
  const parts = { sales, signal, onError };
  const { dueHolds, ...lists } = workLists(db);
  const comparison = new RowComparison({
    store,
    samples: rowSamples(db),
    recent,
    isTime: () => projector.status().state === 'live',
    now,
    log: logger,
    signal,
    onError,
  });
  const work = async () => {
    await until(() => mayBegin(catalog, projector), signal);
    await Promise.all([
      expireHolds({ ...parts, now: earliest, dueHolds }),
      recover({
        ...parts,
        ...{ lists, now },
        rowsNow: () => clock.timeOf(storeTime.name),
        onRefund: (outcome) => counters.refunded(outcome),
      }),
    ]);
  };
  return { comparison, ended: Promise.all([work(), comparison.run()]) };
}

/**
 * The processes do not change a restored log until its sale is open, because `reconcile` also
 * compares holds that end meanwhile. They also wait until the read models have shown the end of the
 * log once. Before that, their lists have holds and payments that ended later in the log. Each of
 * these would cost an append that the log refuses and a read of its stream. While new tables are
 * built beside those of an older version, the lists come from the older ones, which have the end of
 * the log or almost.
 */
const mayBegin = (
  catalog: Pick<Catalog, 'isSaleClosed'>,
  projector: Pick<Projector, 'status'>,
): boolean => !catalog.isSaleClosed && ['live', 'building'].includes(projector.status().state);

async function until(isTrue: () => boolean, signal: AbortSignal): Promise<void> {
  while (!isTrue() && !signal.aborted) await pause(beginCheckMs, signal);
}

/** Positions of the earlier log are not valid in a restored log. */
const ownPositionsOf = (epoch: string | undefined) =>
  epoch === undefined ? {} : { name: `reprise:own:${epoch}` };

/**
 * The parameters of the API.
 * @param behind up to here, own writes were not shown at the start; null if all were shown
 */
export function httpDeps(
  { store, postgres, redis, redisWatch, rooms, clock }: Connections,
  config: Config,
  { catalog, projector }: Followers,
  { reads, logEnd, seatFeed, soldOut }: Reading,
  {
    sales,
    comparison,
    behind,
    logger,
    counters,
  }: {
    readonly sales: Sales;
    readonly comparison: RowComparison;
    readonly behind: bigint | null;
    readonly logger: Logger;
    readonly counters: Counters;
  },
): HttpDeps {
  const overview = async () => {
    const { lagEvents: events, lagSeconds: seconds } = projector.status();
    const lag = async () => ({ events, seconds });
    return (await projectionOverview(postgres.pool, projections, lag)).map(projectionState);
  };
  return {
    sales: traceCommands(countOutcomes(sales, counters)),
    ...{ reads, seatFeed, logEnd, rooms: new ShopRooms({ queues: rooms, catalog, sales }) },
    isSoldOut: (room) => soldOut.has(room),
    idempotencyKeys: new IdempotencyKeys(store, clock.now),
    ownPositions: redis
      ? new RedisOwnPositions(redis, ownPositionsOf(catalog.restored?.epoch))
      : new InProcessOwnPositions(behind),
    epoch: () => catalog.restored?.epoch,
    isSaleClosed: () => catalog.isSaleClosed,
    rowsWrong: () => comparison.wrong.size,
    queueWarnings: () => redisWatch?.warnings ?? [],
    clock: () => clock.status(),
    now: clock.now,
    projections: overview,
    probes: {
      eventStore: (ms) => store.reachable(ms),
      postgres: (ms) => postgres.reachable(ms),
      queue: (ms) => rooms.reachable(ms),
      catalog: async () => catalog.isFollowed,
    },
    log: logger,
    logSample: config.logSample,
    counts: counters,
    allowsHost: allowedHosts(config),
    idempotencyKeysMax: config.idempotencyKeysMax,
  };
}
