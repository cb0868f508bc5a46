import type { Catalog } from '../commands/concert/catalog.ts';
import type { Sales } from '../commands/sales/sales.ts';
import { type Config, readConfig } from '../config.ts';
import { createApp } from '../http/app.ts';
import { httpLimits } from '../http/limits.ts';
import type { Listener } from '../http/listening.ts';
import type { Readiness } from '../http/readiness.ts';
import { createHttpServer, type HttpServer } from '../http/server.ts';
import type { Logger } from '../infrastructure/logger.ts';
import type { ServiceMetrics } from '../metrics/service-metrics.ts';
import { unfinishedWork } from '../queries/unfinished-work.ts';
import { warmUp } from '../queries/warm-up.ts';
import { ownContract } from '../releases/contract.ts';
import { noteRelease } from '../releases/served.ts';
import type { ServiceUrls } from '../servers/service-file.ts';
import { within } from '../support/time-limit.ts';
import { whenAborted } from '../support/when-aborted.ts';
import {
  type Followers,
  followLog,
  httpDeps,
  read,
  type Surroundings,
  sell,
  startProcesses,
} from './compose.ts';
import { type Connections, connect, untilReady } from './connect.ts';
import { seedDemo, wantsDemo } from './demo.ts';
import { restoreRooms } from './open-rooms.ts';
import { type RehearsalParts, rehearse } from './rehearse.ts';
import { showWhatIsThere } from './show-what-is-there.ts';
import { assertCurrency } from './starting.ts';
import { drained, type StopSignals } from './stop-signals.ts';
import { watchEventLoop } from './watchdog.ts';

/**
 * The catalog must read all past events within this time. Otherwise the start fails. In
 * milliseconds.
 */
const catchUpMs = 600_000;

/** The outputs of a service: lines for people, the log, and metrics. */
export interface Told {
  /** The fields of each line of the log. */
  readonly everyLine: Readonly<Record<string, unknown>>;
  readonly say: (line: string) => void;
  readonly logger: Logger;
  readonly metrics: ServiceMetrics;
  readonly version: string;
}

/** What operators see of a service. */
export interface AdminPages {
  /** In the text format of Prometheus. Never rejects. */
  readonly metrics: () => Promise<string>;
  readonly readiness: () => Promise<Readiness>;
}

/** How a service shows itself: by an admin listener, or to the primary process. */
export interface Outside {
  /** Called before the port opens. @returns a function that closes it together with the service */
  readonly offer: (pages: AdminPages) => Promise<Listener | undefined>;
  /** The port is open. @param text for people: the address of the API, and calls to try */
  readonly opened: (text: string, port: number) => void | Promise<void>;
}

/**
 * Serves the API with these servers until the stop.
 * @throws Error with a message for people when it cannot start; the reason of `stopping` if the
 * stop came during the start
 */
export async function runService(
  config: Config,
  servers: ServiceUrls,
  told: Told,
  { stopping, atOnce }: Pick<StopSignals, 'stopping' | 'atOnce'>,
  outside: Outside,
): Promise<void> {
  const service = await startService(config, servers, told, stopping, outside);
  // After this, nothing takes long. Reading a long log may take long.
  const watchdog = config.hangMs === 0 ? undefined : watchEventLoop(config.hangMs, told.everyLine);
  await whenAborted(stopping);
  await service.stop(atOnce);
  await watchdog?.stop();
}

/** Connects the parts and starts them in the order of their dependencies. */
async function startService(
  config: Config,
  servers: ServiceUrls,
  { logger, say, metrics, version }: Told,
  stopping: AbortSignal,
  outside: Outside,
): Promise<{ stop(atOnce: AbortSignal): Promise<void> }> {
  const abort = new AbortController();
  const onError = (what: string, error: unknown) => logger.error({ err: error }, what);
  const surroundings = { logger, say, signal: abort.signal, onError };
  const { counters } = metrics;
  const connections = connect(config, servers, logger, counters);
  const ended: Promise<unknown>[] = [];
  let admin: Listener | undefined;
  const closeAll = async () => {
    abort.abort();
    await admin?.close();
    await Promise.allSettled(ended);
    await connections.close();
  };
  try {
    await untilReady(connections, servers, { say, signal: stopping });
    ended.push(connections.clock.run(abort.signal));
    const followers = followLog(connections, servers, surroundings);
    ended.push(followers.ended);
    const sales = sell(connections, config, followers, () => reading, surroundings);
    await openCatalog(connections, config, followers, sales, { say, stopping });
    await noteRelease(connections.store, ownContract(version)).catch((error) =>
      onError('note the version in the log', error),
    );
    await restoreRooms(connections.rooms, followers.catalog, onError);
    const reading = read(connections, config, followers, counters);
    const behind = await showWhatIsThere(connections.store, reading);
    if (behind !== null) say('  read models  catching up; /readyz says when they are there');
    const { catalog } = followers;
    await warmUp(reading.reads, catalog.sessions()).catch((error) => onError('warm up', error));
    const processes = startProcesses(connections, followers, sales, surroundings, counters);
    ended.push(processes.ended);
    const { comparison } = processes;
    const parts = { sales, comparison, behind, logger, counters };
    const deps = httpDeps(connections, config, followers, reading, parts);
    const app = createApp(httpLimits.answerTimeoutMs);
    await warmUpCode(connections, config, catalog, { deps, app, onError });
    const http = createHttpServer(deps, {}, app);
    admin = await outside.offer(adminPages(config, connections, http, metrics));
    const port = await http.listen(config.port, config.host);
    await outside.opened(nextCalls(urlOf(config.host, port), catalog, config), port);
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
 * Rehearses, so that the code is compiled before the first buyer comes. After an error, the service
 * starts without a rehearsal.
 */
async function warmUpCode(
  { uncounted: store, clock }: Connections,
  config: Config,
  catalog: Catalog,
  { deps, app, onError }: Pick<RehearsalParts, 'deps' | 'app'> & Pick<Surroundings, 'onError'>,
): Promise<void> {
  if (config.warmUpMs === 0) return;
  const [shown] = catalog.sessions();
  const parts = { deps, app, config, store, clock, shown };
  try {
    const paid = await rehearse(parts, config.warmUpMs);
    deps.log.debug({ paid }, 'rehearsed');
  } catch (error) {
    onError('rehearse', error);
  }
}

function adminPages(
  config: Config,
  { db, clock, storeTime }: Connections,
  http: HttpServer,
  metrics: ServiceMetrics,
): AdminPages {
  const work = () => unfinishedWork(db, clock.earliest, () => clock.timeOf(storeTime.name));
  return {
    metrics: metrics.page({ http, work, place: config }),
    readiness: http.readiness,
  };
}

export const urlOf = (host: string, port: number): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

/** For a program on this machine. A listener on every address has no address of its own. */
export const localUrlOf = (host: string, port: number): string =>
  urlOf({ '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host, port);

/** Waits for the catalog. On an empty log, puts the demo on sale for people who try the service. */
async function openCatalog(
  { store }: Connections,
  config: Config,
  { catalog, catalogRead, steeringRead }: Followers,
  sales: Sales,
  { say, stopping }: { say: (line: string) => void; stopping: AbortSignal },
): Promise<void> {
  const late = () => {
    throw new Error(`the catalog was not read within ${catchUpMs / 1_000} s`);
  };
  await within(catchUpMs, Promise.all([catalogRead, steeringRead]), late, stopping);
  assertCurrency(catalog, config.currency);
  if (catalog.isSaleClosed) {
    say('  sale         closed: the log was restored; reprise restore open lets buyers go on');
    return;
  }
  if (!config.demo || !wantsDemo(catalog)) return;
  say('  demo         filling the empty log …');
  await seedDemo({ store, catalog, sales, currency: config.currency });
  say('  demo         10 concerts × 20 sessions × 50 seats, users 1–1000 with a balance');
}

/** The next calls to try: the seats of the first session, or how to put a session on sale. */
function nextCalls(url: string, catalog: Catalog, config: Config): string {
  const [first] = catalog.sessions();
  return `  API          ${url}

Try next:
  curl '${url}/concert'
  curl '${url}/concert/waiting/status?userId=1'
  ${
    first === undefined
      ? `${settingsToFind(config)}npx reprise catalog import examples/catalog.json     (nothing is on sale yet)`
      : `curl '${url}/concert/${first.concertId}/seat?sessionId=${first.sessionId}'`
  }
README.md has the whole journey. Ctrl-C stops everything.`;
}

/**
 * The settings that a command in the same directory needs to find this service and its currency.
 * Default values are omitted.
 */
function settingsToFind({ dataDir, currency }: Config): string {
  const usual = readConfig({});
  const quoted = /^[\w./+@:-]+$/.test(dataDir) ? dataDir : `'${dataDir.replaceAll("'", "'\\''")}'`;
  return (
    (dataDir === usual.dataDir ? '' : `DATA_DIR=${quoted} `) +
    (currency === usual.currency ? '' : `CURRENCY=${currency} `)
  );
}
