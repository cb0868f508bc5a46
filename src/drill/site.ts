import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { AnswerBook } from './answer-book.ts';
import { type Acknowledged, type Buyers, startBuyers } from './buyers.ts';
import { freePorts } from './free-ports.ts';
import type { Program } from './programs.ts';
import { Readiness } from './readiness-watch.ts';
import { importCatalogWith, type Running, startCommand } from './run-reprise.ts';
import { catalogFile, sessionsOf } from './sale-catalog.ts';
import { ServiceProcess } from './service-process.ts';
import { type SiteStore, type StoreWanted, startSiteStore } from './site-store.ts';
import { type SmallDisk, smallDisk } from './small-disk.ts';
import { Supervisor } from './supervisor.ts';

/** Sessions of 50 seats: more than the buyers of one drill can buy. */
const sessionCount = 120;
/** The money of each buyer: enough for thousands of seats. */
const chargedEach = 5_000_000;
/** Between two steps of a buyer, in ms: a drill shows a fault, not the machine's limit. */
const thinkMs = 40;
/** Calls for a payment without an answer before a buyer gives up. */
const paysMax = 100;
/** The longest wait until the first service has what the others need, in milliseconds. */
const openMs = 90_000;

/** What a drill needs besides a service with embedded servers. */
export interface SiteOptions {
  /** Default: the service's own. */
  readonly store?: StoreWanted;
  /** Services on one log and one PostgreSQL, each with buyers of its own. Default 1. */
  readonly services?: 1 | 2;
  /** The data of the first service is on a disk of its own of so many megabytes. */
  readonly diskMegabytes?: number;
  /** Settings of the services. */
  readonly env?: Readonly<Record<string, string>>;
  /** Questions to `/livez` without an answer before the supervisor ends a service. */
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
  /** The first of them has the PostgreSQL of all. */
  readonly service: ServiceProcess;
  readonly services: readonly ServiceProcess[];
  readonly book: AnswerBook;
  /** Of the first service. */
  readonly supervisor: Supervisor;
  readonly supervisors: readonly Supervisor[];
  readonly readiness: Readiness;
  readonly store: SiteStore;
  readonly redis: Program | undefined;
  readonly disk: SmallDisk | undefined;
  readonly #directory: string;
  #buyers: Buyers | undefined;
  #acknowledged: Acknowledged = noFacts();

  private constructor(
    services: readonly ServiceProcess[],
    { store, disk, directory }: Pick<Site, 'store' | 'disk'> & { readonly directory: string },
    { redis, unansweredMax }: SiteOptions,
  ) {
    const [service] = services as readonly [ServiceProcess];
    this.bin = service.bin;
    this.service = service;
    this.services = services;
    this.store = store;
    this.redis = redis;
    this.disk = disk;
    this.#directory = directory;
    this.book = new AnswerBook(services.length);
    this.supervisors = services.map((one) => new Supervisor(one, unansweredMax));
    [this.supervisor] = this.supervisors as readonly [Supervisor];
    this.readiness = new Readiness(services.map((one) => () => one.url));
  }

  /**
   * @param directory an empty one, for the data
   * @throws Error if a part does not start
   */
  static async start(bin: string, directory: string, options: SiteOptions): Promise<Site> {
    const store = await startSiteStore(directory, options.store ?? 'own');
    const { diskMegabytes } = options;
    const disk = diskMegabytes === undefined ? undefined : await smallDisk(diskMegabytes);
    const env = {
      ...(store.url === undefined ? {} : { EVENTSTORE_URL: store.url }),
      ...(options.redis === undefined ? {} : { REDIS_URL: options.redis.url }),
      ...options.env,
    };
    const services: ServiceProcess[] = [];
    try {
      for (let n = 1; n <= (options.services ?? 1); n += 1) {
        const [first] = services;
        const shared = first && { POSTGRES_URL: (await first.servers()).postgresUrl };
        const data = n === 1 ? join(disk?.path ?? directory, 'data') : join(directory, `data-${n}`);
        const service = await prepareService(bin, data, { ...env, ...shared });
        services.push(service);
        await service.start();
      }
      return new Site(services, { store, disk, directory }, options);
    } catch (error) {
      await Promise.all(services.map((service) => service.kill()));
      await store.stop();
      await disk?.remove();
      throw error;
    }
  }

  /** One more service on the same log and the same PostgreSQL, which is not yet started. */
  async another(): Promise<ServiceProcess> {
    const { postgresUrl } = await this.service.servers();
    const data = join(this.#directory, 'data-of-another');
    return prepareService(this.bin, data, { ...this.service.env, POSTGRES_URL: postgresUrl });
  }

  /** The facts that the service has acknowledged to buyers so far. */
  get acknowledged(): Acknowledged {
    return this.#acknowledged;
  }

  /** Puts concerts on sale, gives the buyers money, and starts them. */
  async open(buyers: number): Promise<void> {
    await importCatalogWith(this.bin, catalogFile(sessionCount), this.settings);
    await Promise.all(
      Array.from({ length: buyers }, (_, i) =>
        eventually(
          `buyer-${i + 1} has money`,
          async () => (await this.#charge(`buyer-${i + 1}`)) === 200,
          openMs,
        ),
      ),
    );
    for (const service of this.services) {
      await eventually(
        `${service.url} lists the sessions`,
        async () => {
          const { body } = await service.call<unknown[]>('GET', '/concert/c1/session');
          return body.length === sessionCount;
        },
        openMs,
      );
    }
    this.startBuyers(buyers);
  }

  /** Repeated with the same key, it is the same charge. */
  async #charge(userId: string): Promise<number> {
    return (await this.service.charge(userId, chargedEach, 'start')).status;
  }

  /** Starts buyers. @param ledger default: the ledger of the buyers before them */
  startBuyers(buyers: number, ledger: Acknowledged = this.acknowledged): void {
    this.#acknowledged = ledger;
    this.#buyers = startBuyers({
      ...{ services: this.services, sessions: sessionsOf(sessionCount), buyers },
      ...{ thinkMs, paysMax, acknowledged: ledger, onAnswer: this.book.see },
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
    return { eventStoreUrl: this.store.directUrl ?? eventStoreUrl, postgresUrl };
  }

  /** The process of an embedded server. @throws Error when none runs */
  async pidOf(server: 'event store' | 'keeper of PostgreSQL' | 'PostgreSQL'): Promise<number> {
    const text = await readFile(join(this.service.dataDir, pidFiles[server]), 'utf8');
    const pid = /\d+/.exec(text)?.[0];
    if (pid === undefined) throw new Error(`no ${server} runs`);
    return Number(pid);
  }

  /** Stops everything. The data stays, but for that on a disk of its own. */
  async stop(): Promise<void> {
    await Promise.all(this.supervisors.map((one) => one.stop()));
    await Promise.all([this.readiness.stop(), this.#buyers?.stop()]);
    await Promise.all(
      this.services.map((service) => {
        service.signal('SIGCONT');
        return service.kill();
      }),
    );
    await this.store.stop();
    await this.disk?.remove();
  }
}

/** Nothing was told yet. */
export const noFacts = (): Acknowledged => ({ reservations: new Map(), payments: new Map() });

/** A service on free ports, which is not yet started. */
async function prepareService(
  bin: string,
  dataDir: string,
  env: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const [port = 0, adminPort = 0] = await freePorts(2);
  return new ServiceProcess(bin, dataDir, {
    ...{ QUEUE_ADMITTED_MAX: '1000', HELD_SEATS_MAX: '10', HOLD_AGAIN_AFTER_SECONDS: '0' },
    ...env,
    ...{ PORT: String(port), ADMIN_PORT: String(adminPort), HOST: '127.0.0.1' },
  });
}

/** The file with the process id of each embedded server, below DATA_DIR. */
const pidFiles = {
  'event store': 'eventstore/owner.lock',
  'keeper of PostgreSQL': 'postgres/keeper.lock',
  PostgreSQL: 'postgres/data/postmaster.pid',
} as const;
