import { Kysely, PostgresDialect } from 'kysely';
import { ServiceClock } from './clock/service-clock.ts';
import { EventStoreTime, postgresTime, redisTime } from './clock/time-sources.ts';
import { Catalog } from './commands/concert/catalog.ts';
import { type EventStore, EventStoreUnavailable, LogDiffers } from './commands/event-store.ts';
import { RememberedAnswers } from './commands/remember-answers.ts';
import { sellSeats } from './commands/sell-seats.ts';
import { type Config, fairUseOf, readConfig } from './config.ts';
import { seedDemo, wantsDemo } from './demo.ts';
import { allowedHosts } from './http/allowed-hosts.ts';
import { createHttpServer } from './http/server.ts';
import { connectEventStore } from './infrastructure/eventstoredb.ts';
import { createLogger, type Logger } from './infrastructure/logger.ts';
import { connectPostgres } from './infrastructure/postgres.ts';
import { connectRedis, whyRefused } from './infrastructure/redis.ts';
import { RecentStreams, RowComparison } from './processes/compare-rows.ts';
import { expireHolds } from './processes/expire-holds.ts';
import { finishLeftOver } from './processes/finish-left-over.ts';
import { followCatalog } from './processes/follow-catalog.ts';
import type { Database } from './projections/database.ts';
import { runProjections } from './projections/engine.ts';
import { LiveLag } from './projections/live-lag.ts';
import { projectionOverview, projectionState } from './projections/overview.ts';
import { projections } from './projections/registry.ts';
import { retrySkipped } from './projections/retry-skipped.ts';
import { createBoughtSeats } from './queries/bought-seats.ts';
import { createLogEnd } from './queries/log-end.ts';
import { createReadSide } from './queries/mirrored-read-side.ts';
import { rowSamples } from './queries/row-samples.ts';
import { SeatFeed } from './queries/seat-feed.ts';
import { warmUp } from './queries/warm-up.ts';
import { workLists } from './queries/work-lists.ts';
import { InProcessHoldLimit } from './queue/in-process-hold-limit.ts';
import { InProcessOwnPositions } from './queue/in-process-own-positions.ts';
import { InProcessQueue } from './queue/in-process-queue.ts';
import { RedisHoldLimit } from './queue/redis-hold-limit.ts';
import { RedisOwnPositions } from './queue/redis-own-positions.ts';
import { RedisQueue } from './queue/redis-queue.ts';
import { migrateTables, renewReadModels } from './renew-tables.ts';
import { type Servers, startServers } from './servers.ts';
import {
  assertCurrency,
  assertFit,
  assertFree,
  namedEventStore,
  namedPostgres,
  namedRedis,
  untilAnswers,
  within,
} from './starting.ts';
import { drained, listenForStop, type StopSignals } from './stop-signals.ts';

/** The catalogue's history has to be read within this; then starting has failed. In milliseconds. */
const catchUpMs = 600_000;

/** Read models that are up within this need no words. */
const shortCatchUpMs = 5_000;

/** `reprise serve`: runs until SIGINT or SIGTERM (`stop-signals.ts`). @throws Error in words for people when it cannot start */
export async function serve(config: Config, version: string): Promise<void> {
  const { logger, flush } = createLogger(config.logLevel);
  const say = (line: string) => console.log(line);
  const signals = listenForStop(say);
  // Whoever reads what it says may go (`reprise serve | head -3`): that is no reason to end.
  process.stdout.on('error', () => {});
  try {
    await assertFree(config.port, config.host);
    say(`Reprise ${version}`);
    await runUntil(signals, config, logger, say, (message, fatal) => {
      logger[fatal ? 'fatal' : 'error'](message);
      if (!fatal) return;
      process.exitCode = 1;
      signals.stop(message);
    });
  } catch (error) {
    // Told to stop while starting: what was started is stopped, which is no error.
    if (!signals.stopping.aborted) throw error;
  } finally {
    flush();
  }
  say('Stopped. All data is kept.');
}

async function runUntil(
  { stopping, atOnce }: StopSignals,
  config: Config,
  logger: Logger,
  say: (line: string) => void,
  onFault: (message: string, fatal: boolean) => void,
): Promise<void> {
  const servers = await startServers(config, onFault);
  try {
    stopping.throwIfAborted();
    for (const line of servers.lines) say(`  ${line}`);
    const service = await startService(config, servers, logger, say, stopping);
    if (!stopping.aborted) {
      await new Promise((resolve) => stopping.addEventListener('abort', resolve, { once: true }));
    }
    await service.stop(atOnce);
  } finally {
    await servers.stop();
  }
}

/** Connects the parts and starts them in the order in which they need each other. */
async function startService(
  config: Config,
  servers: Servers,
  logger: Logger,
  say: (line: string) => void,
  stopping: AbortSignal,
): Promise<{ stop(atOnce: AbortSignal): Promise<void> }> {
  const abort = new AbortController();
  const { signal } = abort;
  const onError = (what: string, error: unknown) => logger.error({ err: error }, what);
  const recent = new RecentStreams();
  const store = connectEventStore(servers.eventStoreUrl, {
    onOddity: (what) => logger.warn({}, what),
    onAppended: (stream, append) => {
      recent.note(stream);
      storeTime.note(stream, append);
    },
  });
  const storeTime = new EventStoreTime(() => store);
  const postgres = connectPostgres(servers.postgresUrl);
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: postgres.pool }) });
  let redisRefusal: string | undefined;
  const redis =
    config.redisUrl &&
    connectRedis(config.redisUrl, (error) => {
      redisRefusal = whyRefused(error) ?? redisRefusal;
      logger.debug({ error: error.message }, 'Redis');
    });
  const clock = new ServiceClock({
    sources: [postgresTime(postgres.pool), ...(redis ? [redisTime(redis)] : []), storeTime],
    holdMs: config.holdMs,
    tell: (detail) => {
      if (detail === undefined) logger.warn({}, 'clock: all clocks agree again');
      else logger.warn({}, `clock: ${detail}`);
    },
  });
  const queue = redis
    ? new RedisQueue(redis, config.queue)
    : new InProcessQueue(config.queue, clock.steady);
  const closeAll = async () => {
    abort.abort();
    // By now it does nothing but end.
    await Promise.allSettled([...ended, unpark?.()]);
    await Promise.allSettled([store.close(), queue.close(), postgres.close()]);
  };
  const ended: Promise<unknown>[] = [];
  let unpark: (() => Promise<void>) | undefined;
  try {
    const start = { say, signal: stopping };
    await untilAnswers(namedPostgres(postgres), start);
    await assertFit(postgres, say);
    await untilAnswers(namedEventStore(store, servers.eventStoreUrl), start);
    if (redis)
      await untilAnswers(
        namedRedis(queue, () => redisRefusal),
        start,
      );
    await migrateTables(servers.postgresUrl, start);
    await clock.start();
    const { detail: skewed } = clock.status();
    if (skewed !== undefined) say(`  clock        ${skewed}`);
    ended.push(clock.run(signal));
    const { now, earliest } = clock;
    const catalog = new Catalog();
    const following = followCatalog({ store, catalog, signal, onError });
    unpark = retrySkipped({
      eventStore: store,
      pool: postgres.pool,
      projections,
      logger,
      signal,
    });
    const projector = runProjections({
      eventStore: store,
      pool: postgres.pool,
      projections,
      logger,
      signal,
      onParkedSkips: () => void unpark?.(),
      now,
      renew: () => renewReadModels(servers.postgresUrl, store, { say, logger, signal }),
    });
    ended.push(following.ended, projector.done);
    const fairUse = fairUseOf(config);
    const sales = sellSeats({
      store,
      catalog,
      limit: redis
        ? new RedisHoldLimit(redis, fairUse, { now: earliest })
        : new InProcessHoldLimit(fairUse, earliest),
      // Asked by commands only, which come once everything is there.
      bought: config.boughtSeatsMax === undefined ? undefined : (buyer) => boughtSeats(buyer),
      settings: config,
      now,
      earliest,
      onLeftOver: onError,
    });
    await within(catchUpMs, following.ready, 'the catalogue was not read', stopping);
    assertCurrency(catalog, config.currency);
    if (config.demo && wantsDemo(catalog)) {
      say('  demo         filling the empty log …');
      await seedDemo({ store, catalog, shop: sales, currency: config.currency });
      say('  demo         10 concerts × 20 sessions × 50 seats, users 1–1000 with a balance');
    }
    const reads = createReadSide({
      db,
      projector,
      scheduledMs: (sessionId) => catalog.session(sessionId)?.scheduledMs,
      currency: config.currency,
    });
    const logEnd = createLogEnd(store, reads);
    const boughtSeats = createBoughtSeats({ db, reads, logEnd });
    const liveLag = new LiveLag(() => projector.status(), now);
    projector.listen(liveLag);
    const seatFeed = new SeatFeed({
      wasCancelled: (sessionId) => catalog.session(sessionId)?.cancelled ?? false,
    });
    projector.listen(seatFeed);
    const end = await endToShow(store, logEnd);
    const isBehind = end !== null && !(await reads.reached(end, shortCatchUpMs));
    if (isBehind) say('  read models  catching up; /readyz says when they are there');
    await warmUp(reads, catalog.sessions()).catch((error) => onError('warm up', error));
    const process = { sales, signal, onError };
    // Rows tell since when by the store's stamps.
    const leftOver = { ...process, now: () => clock.timeOf(storeTime.name) };
    const lists = workLists(db);
    ended.push(
      expireHolds({ ...process, now: earliest, dueHolds: lists.dueHolds }),
      finishLeftOver({
        ...leftOver,
        what: 'settle payments',
        left: lists.openPayments,
        keyOf: ({ reservationId }) => reservationId,
        finish: async (payment) => (await sales.settle(payment)).ok,
      }),
      finishLeftOver({
        ...leftOver,
        what: 'pay refunds',
        left: lists.refundsDue,
        keyOf: ({ reservationId }) => reservationId,
        finish: async (refund) => (await sales.refund(refund)).ok,
      }),
      finishLeftOver({
        ...leftOver,
        what: 'settle orders',
        left: lists.unsettledOrders,
        keyOf: (id) => id,
        finish: (id) => sales.settleOrder(id),
      }),
      finishLeftOver({
        ...process,
        now,
        what: 'settle claims on held seats',
        left: (...asked) => sales.claimsInDoubt(...asked),
        keyOf: ({ claim }) => claim.id,
        finish: (doubt) => sales.settleClaim(doubt),
      }),
      finishLeftOver({
        ...leftOver,
        what: 'give back cancelled sessions',
        left: lists.cancelledReservations,
        keyOf: (id) => id,
        finish: async (id) => (await sales.cancelForHouse(id)).ok,
      }),
    );
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
    ended.push(comparison.run());
    const http = createHttpServer({
      shop: sales,
      queue,
      reads,
      seatFeed,
      answers: new RememberedAnswers(store, now),
      ownPositions: redis
        ? new RedisOwnPositions(redis)
        : new InProcessOwnPositions(isBehind ? end : null),
      logEnd,
      liveLag: () => liveLag.histogram(),
      rowsWrong: () => comparison.wrong.size,
      clock: () => clock.status(),
      now,
      projections: async () => {
        const { lagEvents, lagSeconds } = projector.status();
        const behind = { events: lagEvents, seconds: lagSeconds };
        const all = await projectionOverview(postgres.pool, projections, async () => behind);
        return all.map(projectionState);
      },
      probes: {
        eventStore: (ms) => store.reachable(ms),
        postgres: (ms) => postgres.reachable(ms),
        queue: (ms) => queue.reachable(ms),
        catalogue: async () => catalog.isFollowed,
      },
      log: logger,
      allowsHost: allowedHosts(config),
      idempotencyKeysMax: config.idempotencyKeysMax,
    });
    const port = await http.listen(config.port, config.host);
    const host = config.host.includes(':') ? `[${config.host}]` : config.host;
    tellNext(say, `http://${host}:${port}`, catalog, config);
    return {
      stop: async (atOnce) => {
        http.drain();
        await drained(config.drainMs, atOnce, say);
        await http.close();
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/**
 * Up to where the read side must come to show what the log has by now; the whole log's end where that takes too long to
 * find. Null where there is nothing to show, or another log's tables, which are not shown at all.
 */
async function endToShow(
  store: Pick<EventStore, 'head'>,
  logEnd: () => Promise<bigint | null>,
): Promise<bigint | null> {
  try {
    return await logEnd();
  } catch (error) {
    if (error instanceof LogDiffers) return null;
    if (error instanceof EventStoreUnavailable) return store.head();
    throw error;
  }
}

/** With calls that have something to show: seats of the first session, or how to put one on sale. */
function tellNext(
  say: (line: string) => void,
  url: string,
  catalog: Catalog,
  config: Config,
): void {
  const [first] = catalog.sessions();
  say(`  API          ${url}

Try next:
  curl '${url}/concert'
  curl '${url}/concert/waiting/status?userId=1'
  ${
    first === undefined
      ? `${settingsToFind(config)}npx reprise catalog import examples/catalog.json     (nothing is on sale yet)`
      : `curl '${url}/concert/${first.concertId}/seat?sessionId=${first.sessionId}'`
  }
README.md has the whole journey. Ctrl-C stops everything.`);
}

/** What a command in the same directory needs to find this service and its currency; of the defaults nothing. */
function settingsToFind({ dataDir, currency }: Config): string {
  const usual = readConfig({});
  const quoted = /^[\w./+@:-]+$/.test(dataDir) ? dataDir : `'${dataDir.replaceAll("'", "'\\''")}'`;
  return (
    (dataDir === usual.dataDir ? '' : `DATA_DIR=${quoted} `) +
    (currency === usual.currency ? '' : `CURRENCY=${currency} `)
  );
}
