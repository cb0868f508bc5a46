import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceProcess } from '../../../src/drill/service-process.ts';
import {
  isRealEventStore,
  type TestDatabase,
  type TestEventStore,
  testDatabase,
  testEventStore,
  testRedisUrl,
} from '../../support/servers.ts';
import { bin } from './command-line.ts';

/** The servers that a service was given for itself. */
interface Given {
  readonly store: TestEventStore | undefined;
  readonly database: TestDatabase | undefined;
}

/** A service for a test, on a data directory of its own. */
export class Service extends ServiceProcess {
  readonly #servers: Given;

  private constructor(
    dataDir: string,
    env: Readonly<Record<string, string>>,
    servers: Given,
    url = '',
  ) {
    super(bin, dataDir, env, url);
    this.#servers = servers;
  }

  /**
   * Starts a service on a new data directory, with the event store, the PostgreSQL (a database of
   * its own) and the Redis that the test run was given, unless `env` names others; '' is the
   * embedded one. The log may be full of others' concerts: name everything uniquely and look at
   * these alone.
   */
  static async start(env: Readonly<Record<string, string>> = {}): Promise<Service> {
    const dataDir = await mkdtemp(join(tmpdir(), 'reprise-service-'));
    const isGiven = isRealEventStore && env.EVENTSTORE_URL === undefined;
    const servers: Given = {
      store: isGiven ? await testEventStore() : undefined,
      database: process.env.POSTGRES_URL ? await testDatabase() : undefined,
    };
    const given = {
      // It takes a second per start; the test of the journey has it.
      WARM_UP_MS: '0',
      ...(servers.store ? { EVENTSTORE_URL: servers.store.url } : {}),
      ...(servers.database ? { POSTGRES_URL: servers.database.url } : {}),
      ...(testRedisUrl ? { REDIS_URL: testRedisUrl } : {}),
    };
    const service = new Service(dataDir, { ...given, ...env }, servers);
    try {
      await service.start();
    } catch (error) {
      await service.remove();
      throw error;
    }
    return service;
  }

  /** What answers like a service and is not to be started or stopped: a balancer before several. */
  static at(url: string): Service {
    return new Service('', {}, { store: undefined, database: undefined }, url);
  }

  /** Stops it and removes its data. */
  async remove(): Promise<void> {
    await this.stop();
    await this.#servers.database?.drop();
    await this.#servers.store?.stop();
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
