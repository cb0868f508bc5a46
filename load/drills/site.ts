import { setTimeout as delay } from 'node:timers/promises';
import { missingFacts } from '../../src/drill/ledger.ts';
import { verify } from '../../src/verify/verify-log.ts';
import { catalogFile, sessionsOf } from '../../test/e2e/support/buyers.ts';
import { importCatalog, reprise } from '../../test/e2e/support/command-line.ts';
import { Service } from '../../test/e2e/support/service.ts';
import type { EventStoreNode } from '../../test/support/eventstore-node.ts';
import { type EventStoreNodes, startEventStoreNodes } from '../../test/support/eventstore-nodes.ts';
import { eventually } from '../../test/support/eventually.ts';
import { makeDatabase, type TestPostgres } from '../../test/support/test-postgres.ts';
import { type Acknowledged, type Buyers, startBuyers } from './buyers.ts';
import { type CuttableProxy, startProxy } from './proxy.ts';

/** Sessions of 50 seats: enough for one run of all drills. */
const sessionCount = 150;
/** The money of each buyer: enough for 10,000 seats. */
const charge = 1_000_000;
/** The longest wait for everything to work again, in milliseconds; more is reported as a fault. */
const wellMs = 90_000;
/** The longest wait until all unfinished payments are settled, in milliseconds. */
const settledMs = 40_000;
/** Buyers of a service count as active after this number of payments. */
const paidMin = 3;

/** The servers that a drill needs. */
export interface SiteOptions {
  readonly nodes: 1 | 3;
  /** What follows `tls=false` in the services' connection string: `&nodePreference=follower`. */
  readonly settings?: string;
  /** Put a proxy before each node, which can be disconnected. */
  readonly proxied?: boolean;
  /** Further options for every node. */
  readonly args?: readonly string[];
  /** The directory for the data of the nodes; default: a temporary one. */
  readonly data?: string;
}

/**
 * Nodes of an event store, two services on it with one PostgreSQL, a catalog, and buyers with
 * money.
 */
export class Site {
  readonly nodes: EventStoreNodes;
  readonly services: readonly Service[];
  /** As the services have it. */
  readonly url: string;
  readonly postgresUrl: string;
  readonly proxies: readonly CuttableProxy[];
  buyers: Buyers | undefined;
  readonly #end: readonly (() => Promise<unknown>)[];

  private constructor(
    parts: Pick<Site, 'nodes' | 'services' | 'url' | 'postgresUrl' | 'proxies'>,
    end: readonly (() => Promise<unknown>)[],
  ) {
    this.nodes = parts.nodes;
    this.services = parts.services;
    this.url = parts.url;
    this.postgresUrl = parts.postgresUrl;
    this.proxies = parts.proxies;
    this.#end = end;
  }

  /**
   * @param postgres the server for its database
   * @param args further options for every node, after those of the site
   * @param buyers the number of buyers, each at one of the services
   */
  static async start(
    options: SiteOptions,
    args: readonly string[],
    postgres: Pick<TestPostgres, 'url'>,
    buyers: number,
  ): Promise<Site> {
    const end: (() => Promise<unknown>)[] = [];
    try {
      const proxies = options.proxied
        ? await Promise.all(Array.from({ length: options.nodes }, () => startProxy()))
        : [];
      end.unshift(...proxies.map((proxy) => () => proxy.stop()));
      const nodes = await startEventStoreNodes({
        count: options.nodes,
        data: options.data ?? 'disk',
        args: (index) => [...(options.args ?? []), ...args, ...advertised(proxies[index])],
      });
      end.unshift(() => nodes.stop());
      proxies.forEach((proxy, index) => {
        proxy.target = nodes.nodes[index]?.port;
      });
      const hosts = proxies.map(({ port }) => `127.0.0.1:${port}`).join(',');
      const url = (hosts ? `esdb://${hosts}?tls=false` : nodes.url) + (options.settings ?? '');
      const postgresUrl = await makeDatabase(postgres.url);
      const services = await startTwo(environment(url, postgresUrl));
      end.unshift(() => Promise.all(services.map((service) => service.remove())));
      const site = new Site({ nodes, services, url, postgresUrl, proxies }, end);
      await site.#fill(buyers);
      return site;
    } catch (error) {
      for (const stop of end) await stop().catch(() => {});
      throw error;
    }
  }

  async #fill(buyers: number): Promise<void> {
    await importCatalog(catalogFile(sessionCount), { EVENTSTORE_URL: this.url });
    const [first] = this.services as [Service];
    for (let i = 1; i <= buyers; i++) {
      // Repeated with the same key, it is the same charge.
      const charged = async () =>
        (await first.charge(`buyer-${i}`, charge, 'start')).status === 200;
      await eventually(`buyer ${i} has money`, charged, wellMs, 100);
    }
    for (const service of this.services) {
      await eventually(
        `${service.url} lists the sessions`,
        async () =>
          (await service.call<unknown[]>('GET', '/concert/c1/session')).body.length ===
          sessionCount,
        wellMs,
      );
    }
  }

  /** @param ledger the ledger to continue; default: a new one */
  startBuyers(count: number, ledger?: Acknowledged): Buyers {
    this.buyers = startBuyers(this.services, sessionsOf(sessionCount), count, ledger);
    return this.buyers;
  }

  /** Waits until every service is ready and sells. @throws Error after 90 s */
  async well(): Promise<void> {
    for (const service of this.services) {
      await eventually(`${service.url} is ready`, () => isReady(service.url), wellMs, 100);
    }
    const { payments } = this.buyers?.acknowledged ?? { payments: new Map() };
    const enough = payments.size + paidMin * this.services.length;
    await eventually('buyers pay', () => payments.size >= enough, wellMs, 100);
  }

  /** The node that most of the nodes name as the leader, also where clients are sent to proxies. */
  async leader(): Promise<EventStoreNode> {
    if (this.proxies.length === 0) return this.nodes.leader();
    const nodes = this.nodes.nodes;
    return eventually(
      'a majority names a leader',
      async () => {
        const votes = await Promise.all(
          nodes.map(async (node) => {
            const members = await node.gossip().catch(() => []);
            return members.find(({ state, isAlive }) => isAlive && state === 'Leader')?.port;
          }),
        );
        const index = this.proxies.findIndex(
          ({ port }) => 2 * votes.filter((vote) => vote === port).length > nodes.length,
        );
        return nodes[index];
      },
      wellMs,
      100,
    );
  }

  async followers(): Promise<EventStoreNode[]> {
    const leader = await this.leader();
    return this.nodes.nodes.filter((node) => node !== leader);
  }

  /**
   * The facts that the ledger has and the log does not, and the result of `reprise verify`.
   */
  async conclude(): Promise<{ missing: readonly string[]; verify: string }> {
    const told = this.buyers?.acknowledged;
    const missing = told === undefined ? [] : await missingFacts(this.nodes.url, told);
    let verdict = '';
    const proof = { eventStoreUrl: this.nodes.url, postgresUrl: this.postgresUrl };
    await eventually(
      'what was left half way is settled',
      async () => {
        const { violations, log } = await verify(proof);
        const open = log.openPayments > 0 ? `${log.openPayments} open payments` : '';
        const first = violations.listed[0];
        verdict = violations.total > 0 ? `${violations.total}: ${JSON.stringify(first)}` : open;
        return verdict === '';
      },
      settledMs,
      500,
    ).catch((error) => {
      if (verdict === '') throw error;
    });
    return { missing, verify: verdict || 'clean' };
  }

  /** Runs `reprise rebuild`. @throws Error with its output when it failed */
  async rebuild(): Promise<void> {
    const env = { EVENTSTORE_URL: this.url, POSTGRES_URL: this.postgresUrl };
    const { code, stdout, stderr } = await reprise(['rebuild'], env);
    if (code !== 0) throw new Error(`rebuild ended with ${code}: ${stdout}${stderr}`);
  }

  /** A further service, which is not yet started. */
  async another(): Promise<{ started: Promise<Service>; remove(): Promise<void> }> {
    const started = Service.start(environment(this.url, this.postgresUrl));
    return {
      started,
      remove: async () => {
        const service = await started.catch(() => undefined);
        await service?.remove();
      },
    };
  }

  async stop(): Promise<void> {
    await this.buyers?.stop();
    for (const stop of this.#end) await stop();
  }
}

/** @throws Error when one does not start; then the others are stopped */
async function startTwo(env: Record<string, string>): Promise<Service[]> {
  const started = await Promise.allSettled([Service.start(env), Service.start(env)]);
  const services = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = started.find((one) => one.status === 'rejected');
  if (failed === undefined) return services;
  await Promise.all(services.map((service) => service.remove()));
  throw failed.reason;
}

/**
 * Why `/readyz` is not 200; undefined when it is. Without an answer within 2 s, a service is not
 * ready.
 */
export async function whyNotReady(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
    const { detail } = (await answer.json()) as { detail?: string };
    return answer.status === 200 ? undefined : (detail ?? `${answer.status}`);
  } catch (error) {
    return error instanceof Error ? error.name : 'no answer';
  }
}

const isReady = async (url: string): Promise<boolean> => (await whyNotReady(url)) === undefined;

const environment = (url: string, postgresUrl: string): Record<string, string> => ({
  EVENTSTORE_URL: url,
  POSTGRES_URL: postgresUrl,
  QUEUE_ADMITTED_MAX: '1000',
  HOLD_SECONDS: '60',
  HELD_SEATS_MAX: '10',
  // A payment that failed for the fault lets its hold lapse, and the buyers know no better than to
  // take that seat again.
  HOLD_AGAIN_AFTER_SECONDS: '0',
});

/** The address that a node reports to clients. */
const advertised = (proxy: CuttableProxy | undefined): string[] =>
  proxy === undefined
    ? []
    : [
        ...['--advertise-host-to-client-as', '127.0.0.1'],
        ...['--advertise-node-port-to-client-as', `${proxy.port}`],
      ];

export const seconds = (count: number): Promise<void> => delay(count * 1_000);
