import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from '../../embedded/child.ts';
import { eventually } from '../support/eventually.ts';
import { AnswerBook } from './answer-book.ts';
import { type Acknowledged, type Buyers, startBuyers } from './buyers.ts';
import { freePorts } from './free-ports.ts';
import type { Program } from './programs.ts';
import { Readiness } from './readiness-watch.ts';
import { type Relay, startRelay, throughRelay } from './relay.ts';
import { importCatalogWith, type Running, startCommand } from './run-reprise.ts';
import { catalogFile, sessionsOf } from './sale-catalog.ts';
import { ServiceProcess } from './service-process.ts';
import { Supervisor } from './supervisor.ts';

/** Sessions of 50 seats: more than the buyers of one drill can buy. */
const sessionCount = 120;
/** The money of each buyer: enough for thousands of seats. */
const chargedEach = 5_000_000;
/** Between two steps of a buyer, in ms: a drill shows a fault, not the machine's limit. */
const thinkMs = 40;
/** Calls for a payment without an answer before a buyer gives up. */
const paysMax = 100;
/** The longest start of an event store, in milliseconds. */
const storeStartMs = 60_000;

/** What a drill needs besides a service with embedded servers. */
export interface SiteOptions {
  /**
   * `faults`: a separate event store that can be set to fail. `relay`: an event store behind a
   * network that can freeze. Default: the service's own.
   */
  readonly store?: 'faults' | 'relay';
  /** Settings of the service. */
  readonly env?: Readonly<Record<string, string>>;
  /** Requests to `/livez` without an answer before the supervisor ends the service. */
  readonly unansweredMax?: number;
  /** A Redis that was started for it. */
  readonly redis?: Program;
}

/**
 * A service with its servers and its buyers. All of them are started here, on loopback, with data
 * in a directory that is removed afterwards. It uses no server that the environment names.
 */
export class Site {
  readonly bin: string;
  readonly service: ServiceProcess;
  readonly book = new AnswerBook();
  readonly supervisor: Supervisor;
  readonly readiness: Readiness;
  readonly store: Child | undefined;
  readonly relay: Relay | undefined;
  readonly redis: Program | undefined;
  #buyers: Buyers | undefined;

  private constructor(
    service: ServiceProcess,
    { store, relay, redis }: Pick<Site, 'store' | 'relay' | 'redis'>,
    unansweredMax?: number,
  ) {
    this.bin = service.bin;
    this.service = service;
    this.store = store;
    this.relay = relay;
    this.redis = redis;
    this.supervisor = new Supervisor(service, unansweredMax);
    this.readiness = new Readiness(() => service.url);
  }

  /**
   * @param directory an empty one, for the data
   * @throws Error if a part does not start
   */
  static async start(bin: string, directory: string, options: SiteOptions): Promise<Site> {
    const store = options.store === undefined ? undefined : await startStore(directory);
    const storePort = store === undefined ? undefined : Number(new URL(store.url).port);
    const relay =
      options.store === 'relay' && storePort !== undefined
        ? await startRelay(storePort)
        : undefined;
    const url = store && (relay === undefined ? store.url : throughRelay(store.url, relay));
    const [port = 0, adminPort = 0] = await freePorts(2);
    const service = new ServiceProcess(bin, join(directory, 'data'), {
      ...{ PORT: String(port), ADMIN_PORT: String(adminPort), HOST: '127.0.0.1' },
      ...{ QUEUE_ADMITTED_MAX: '1000', HELD_SEATS_MAX: '10', HOLD_AGAIN_AFTER_SECONDS: '0' },
      ...(url === undefined ? {} : { EVENTSTORE_URL: url }),
      ...(options.redis === undefined ? {} : { REDIS_URL: options.redis.url }),
      ...options.env,
    });
    try {
      await service.start();
      return new Site(service, { store, relay, redis: options.redis }, options.unansweredMax);
    } catch (error) {
      await service.kill();
      await relay?.stop();
      await store?.kill();
      throw error;
    }
  }

  /** The facts that the service has acknowledged to buyers so far. */
  get acknowledged(): Acknowledged {
    return this.#buyers?.acknowledged ?? { reservations: new Map(), payments: new Map() };
  }

  /** Puts concerts on sale, gives the buyers money, and starts them. */
  async open(buyers: number): Promise<void> {
    await importCatalogWith(this.bin, catalogFile(sessionCount), this.settings);
    await Promise.all(
      Array.from({ length: buyers }, (_, i) =>
        eventually(
          `buyer-${i + 1} has money`,
          async () => (await this.#charge(`buyer-${i + 1}`)) === 200,
        ),
      ),
    );
    await eventually('the sessions are listed', async () => {
      const { body } = await this.service.call<unknown[]>('GET', '/concert/c1/session');
      return body.length === sessionCount;
    });
    this.startBuyers(buyers);
  }

  /** Repeated with the same key, it is the same charge. */
  async #charge(userId: string): Promise<number> {
    return (await this.service.charge(userId, chargedEach, 'start')).status;
  }

  /** Starts buyers, who continue the ledger of the buyers before them. */
  startBuyers(buyers: number): void {
    this.#buyers = startBuyers({
      ...{ services: [this.service], sessions: sessionsOf(sessionCount), buyers },
      ...{ thinkMs, paysMax, acknowledged: this.acknowledged, onAnswer: this.book.see },
    });
  }

  async stopBuyers(): Promise<void> {
    await this.#buyers?.stop();
  }

  /** Settings with which a command works on the servers of this site. */
  get settings(): Readonly<Record<string, string>> {
    const { DATA_DIR = this.service.dataDir, EVENTSTORE_URL, REDIS_URL } = this.service.env;
    return {
      DATA_DIR,
      ...(EVENTSTORE_URL === undefined ? {} : { EVENTSTORE_URL }),
      ...(REDIS_URL === undefined ? {} : { REDIS_URL }),
    };
  }

  /** Starts a command on the servers of this site. */
  start(...args: readonly string[]): Running {
    return startCommand(this.bin, args, this.settings);
  }

  /** @throws Error with the command's output if its exit code is not 0 */
  async mustRun(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.start(...args).done;
    if (code !== 0) throw new Error(`reprise ${args.join(' ')}: ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  /** The current addresses of the log and the tables. */
  async servers(): Promise<{ readonly eventStoreUrl: string; readonly postgresUrl: string }> {
    const { eventStoreUrl, postgresUrl } = await this.service.servers();
    return { eventStoreUrl: this.store?.url ?? eventStoreUrl, postgresUrl };
  }

  /** The process of an embedded server. @throws Error when none runs */
  async pidOf(server: 'event store' | 'keeper of PostgreSQL' | 'PostgreSQL'): Promise<number> {
    const text = await readFile(join(this.service.dataDir, pidFiles[server]), 'utf8');
    const pid = /\d+/.exec(text)?.[0];
    if (pid === undefined) throw new Error(`no ${server} runs`);
    return Number(pid);
  }

  /** Stops everything. The data stays. */
  async stop(): Promise<void> {
    await this.supervisor.stop();
    await Promise.all([this.readiness.stop(), this.#buyers?.stop()]);
    this.service.signal('SIGCONT');
    await this.service.kill();
    await this.relay?.stop();
    await this.store?.kill();
  }
}

/** The file with the process id of each embedded server, below DATA_DIR. */
const pidFiles = {
  'event store': 'eventstore/owner.lock',
  'keeper of PostgreSQL': 'postgres/keeper.lock',
  PostgreSQL: 'postgres/data/postmaster.pid',
} as const;

const startStore = (directory: string): Promise<Child> =>
  startChild(
    new URL('../../embedded/eventstore/main.ts', import.meta.url),
    ['--port', '0', '--data', join(directory, 'eventstore'), '--faults'],
    { timeoutMs: storeStartMs },
  );
