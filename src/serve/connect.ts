import { Kysely, PostgresDialect } from 'kysely';
import { ServiceClock } from '../clock/service-clock.ts';
import { EventStoreTime, postgresTime, redisTime } from '../clock/time-sources.ts';
import type { EventStore } from '../commands/core/event-store.ts';
import type { Config } from '../config.ts';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import type { Logger } from '../infrastructure/logger.ts';
import { connectPostgres, type Postgres } from '../infrastructure/postgres.ts';
import { connectRedis, whyRefused } from '../infrastructure/redis.ts';
import { RedisWatch } from '../infrastructure/redis-fitness.ts';
import { countAppends } from '../metrics/counted-ports.ts';
import type { Counters } from '../metrics/counters.ts';
import { RecentStreams } from '../processes/compare-rows.ts';
import type { Database } from '../projections/models/database.ts';
import { queueTag } from '../queue/redis-scripts.ts';
import type { ServiceUrls } from '../servers/service-file.ts';
import { traceAppends } from '../tracing/traced-ports.ts';
import { openRooms, type Rooms } from './open-rooms.ts';
import { migrateTables } from './renew-read-models.ts';
import {
  assertFit,
  namedEventStore,
  namedPostgres,
  namedRedis,
  type StartParts,
  untilAnswers,
} from './starting.ts';

/** A service's connections to its servers, and the service time. */
export interface Connections {
  readonly store: EventStore;
  /** The same store, but its appends are not counted. */
  readonly uncounted: Pick<EventStore, 'append'>;
  /** The event store's time, from the service's appends. */
  readonly storeTime: EventStoreTime;
  readonly recent: RecentStreams;
  readonly postgres: Postgres;
  readonly db: Kysely<Database>;
  /** Undefined without REDIS_URL. */
  readonly redis: ReturnType<typeof connectRedis> | undefined;
  /** Why Redis refuses this service, if known. */
  readonly redisRefusal: () => string | undefined;
  readonly rooms: Rooms;
  /** Undefined without REDIS_URL. */
  readonly redisWatch: RedisWatch | undefined;
  readonly clock: ServiceClock;
  close(): Promise<void>;
}

/** Makes the connections. Each connects at its first call, so no server gets a request yet. */
export function connect(
  config: Config,
  servers: ServiceUrls,
  logger: Logger,
  counters: Counters,
): Connections {
  const recent = new RecentStreams();
  const connected = connectEventStore(servers.eventStoreUrl, {
    onOddity: (what) => logger.warn({}, what),
    onAppended: (stream, append) => {
      recent.note(stream);
      storeTime.note(stream, append);
    },
  });
  const store: EventStore = traceAppends(countAppends(connected, counters));
  const storeTime = new EventStoreTime(() => store);
  const postgres = connectPostgres(servers.postgresUrl);
  let refusal: string | undefined;
  const redis = config.redisUrl
    ? connectRedis(config.redisUrl, (error) => {
        refusal = whyRefused(error) ?? refusal;
        logger.debug({ error: error.message }, 'Redis');
      })
    : undefined;
  const clock = new ServiceClock({
    sources: [postgresTime(postgres.pool), ...(redis ? [redisTime(redis)] : []), storeTime],
    holdMs: config.holdMs,
    tell: (detail) => {
      if (detail === undefined) logger.warn({}, 'clock: all clocks agree again');
      else logger.warn({}, `clock: ${detail}`);
    },
  });
  const onError = (what: string, error: unknown) => logger.error({ err: error }, what);
  const rooms = openRooms(config, { store, redis, clock, counters, onError });
  const lineKeys = () => rooms.names.map((room) => queueTag(room));
  const redisWatch = redis && new RedisWatch(redis, config.queue.waitingMax, lineKeys);
  return {
    ...{
      store,
      uncounted: connected,
      storeTime,
      recent,
      postgres,
      redis,
      redisWatch,
      rooms,
      clock,
    },
    db: new Kysely<Database>({ dialect: new PostgresDialect({ pool: postgres.pool }) }),
    redisRefusal: () => refusal,
    async close() {
      await rooms.flush();
      await Promise.allSettled([store.close(), rooms.close(), postgres.close()]);
    },
  };
}

/**
 * Waits until every server answers, checks that the service can work with it, updates the tables,
 * and measures the time.
 * @throws Error with a message for people if a server cannot be used
 */
export async function untilReady(
  { store, postgres, redis, redisRefusal, redisWatch, rooms, clock }: Connections,
  servers: ServiceUrls,
  start: StartParts,
): Promise<void> {
  await untilAnswers(namedPostgres(postgres), start);
  await assertFit(postgres, start.say);
  await untilAnswers(namedEventStore(store, servers.eventStoreUrl), start);
  if (redis) await untilAnswers(namedRedis(rooms, redisRefusal), start);
  await redisWatch?.look();
  for (const warning of redisWatch?.warnings ?? []) start.say(`  note         ${warning}`);
  await migrateTables(servers.postgresUrl, start);
  await clock.start();
  const { detail } = clock.status();
  if (detail !== undefined) start.say(`  clock        ${detail}`);
}
