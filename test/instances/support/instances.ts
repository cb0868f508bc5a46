import { expect } from 'chai';
import pg from 'pg';
import { importCatalog } from '../../e2e/support/command-line.ts';
import { verifyOf } from '../../e2e/support/proof.ts';
import { Service } from '../../e2e/support/service.ts';
import { eventually } from '../../support/eventually.ts';
import {
  type TestDatabase,
  type TestEventStore,
  testDatabase,
  testEventStore,
} from '../../support/servers.ts';
import { newTag } from '../../support/tag.ts';
import { type TestRedis, testRedis } from './redis.ts';

export const price = 100;

/** What the instances share. */
interface Shared {
  readonly store: TestEventStore;
  readonly database: TestDatabase;
  readonly redis: TestRedis;
}

/** A seat as lists show it. */
export interface ListedSeat {
  readonly seatId: string;
  readonly isAvailable: boolean;
}

/** Three `reprise serve` processes on one event store, one PostgreSQL and one Redis. */
export class Instances {
  readonly services: readonly Service[];
  readonly redis: TestRedis;
  /** In every id of this run: the log may be a shared one. */
  readonly tag = newTag('i');
  readonly #shared: Shared;

  private constructor(services: readonly Service[], shared: Shared) {
    this.services = services;
    this.redis = shared.redis;
    this.#shared = shared;
  }

  /**
   * @param own settings of the n-th alone
   * @returns undefined when there is no Redis: skip
   */
  static async start(
    env: Readonly<Record<string, string>>,
    own: (index: number) => Readonly<Record<string, string>> = () => ({}),
  ): Promise<Instances | undefined> {
    const redis = await testRedis();
    if (redis === undefined) return undefined;
    await redis.empty();
    const [store, database] = await Promise.all([testEventStore(), testDatabase()]);
    const shared = { redis, store, database };
    const started = await Promise.allSettled(
      [0, 1, 2].map((index) =>
        Service.start({
          EVENTSTORE_URL: store.url,
          POSTGRES_URL: namedUrl(database.url, `instance-${index}`),
          REDIS_URL: redis.url,
          QUEUE_ADMITTED_MAX: '1000',
          ...env,
          ...own(index),
        }),
      ),
    );
    const services = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const instances = new Instances(services, shared);
    const failed = started.find((one) => one.status === 'rejected');
    if (failed === undefined) return instances;
    await instances.stop();
    throw failed.reason;
  }

  async stop(): Promise<void> {
    await Promise.all(this.services.map((service) => service.remove()));
    await this.redis.empty();
    const { database, store, redis } = this.#shared;
    await database.drop();
    await Promise.all([store.stop(), redis.stop()]);
  }

  /** The n-th instance, counted round and round. */
  at(n: number): Service {
    return this.services[n % this.services.length] as Service;
  }

  user(name: string | number): string {
    return `${this.tag}-${name}`;
  }

  session(n: number): string {
    return `${this.tag}-${n}`;
  }

  /**
   * Imports a concert with these sessions through the command line, and waits until every instance
   * sells it.
   */
  async schedule(sessions: number, seatsEach: number): Promise<void> {
    const seatMap = [{ section: 'A', price, rows: [{ row: '1', seats: seatsEach }] }];
    const [startsAt, salesOpenAt] = ['2099-01-01T10:00:00Z', '2020-01-01T00:00:00Z'];
    const concert = {
      concertId: this.tag,
      title: 'Three of a kind',
      sessions: Array.from({ length: sessions }, (_, i) => ({
        sessionId: this.session(i + 1),
        startsAt,
        salesOpenAt,
        seatMap,
      })),
    };
    const env = { EVENTSTORE_URL: this.#shared.store.url };
    await importCatalog({ concerts: [concert] }, env);
    for (const service of this.services) {
      await eventually(`${service.url} lists the sessions`, async () => {
        const { body } = await service.call<unknown[]>('GET', `/concert/${this.tag}/session`);
        return body.length === sessions;
      });
    }
  }

  reserve(n: number, user: string, token: string, session: number, seat: number) {
    const sessionId = this.session(session);
    return this.at(n).reserve(user, token, this.tag, sessionId, seatId(seat));
  }

  /** Reserves and tells the reservation's id. */
  async held(
    n: number,
    user: string,
    token: string,
    session: number,
    seat: number,
  ): Promise<string> {
    const { status, body } = await this.reserve(n, user, token, session, seat);
    expect(status, JSON.stringify(body)).to.equal(200);
    return body.reservationId;
  }

  async seats(n: number, session: number): Promise<readonly ListedSeat[]> {
    return (await this.#listed(n, session)).body.seatList;
  }

  /**
   * Waits until every instance shows the same seats, under one ETag: a client's copy is good for
   * all of them.
   */
  async agreedSeats(session: number): Promise<readonly ListedSeat[]> {
    let list: readonly ListedSeat[] = [];
    await eventually(`all show the same of ${this.session(session)}`, async () => {
      const shown = await Promise.all(this.services.map((_, n) => this.#listed(n, session)));
      list = shown[0]?.body.seatList ?? [];
      const answers = shown.map(({ headers, body }) => [headers.get('etag'), body]);
      return new Set(answers.map((each) => JSON.stringify(each))).size === 1;
    });
    return list;
  }

  async #listed(n: number, session: number) {
    const path = `/concert/${this.tag}/seat?sessionId=${this.session(session)}`;
    const answer = await this.at(n).call<{ seatList: ListedSeat[] }>('GET', path);
    expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
    expect(answer.headers.get('etag')).to.match(/^"/);
    return answer;
  }

  /** The index of the instance that writes the read models. */
  async writer(): Promise<number | undefined> {
    const client = new pg.Client({ connectionString: this.#shared.database.url });
    await client.connect();
    try {
      const { rows } = await client.query<{ name: string }>(
        `SELECT application_name AS name FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE locktype = 'advisory' AND granted AND objid = 7277001
           AND datname = current_database()`,
      );
      const index = /^instance-(\d)$/.exec(rows[0]?.name ?? '')?.[1];
      return index === undefined ? undefined : Number(index);
    } finally {
      await client.end();
    }
  }

  /** The log proves the sale, and the read models say the same. */
  async expectProven(): Promise<void> {
    const { store, database } = this.#shared;
    const servers = { eventStoreUrl: store.url, postgresUrl: database.url };
    const { ours, log } = await verifyOf(this.tag, servers);
    expect(log.events).to.be.greaterThan(0);
    expect(ours).to.deep.equal([]);
  }
}

export const seatId = (n: number): string => `A-1-${n}`;

/** How often each outcome came: `200` or a refusal's status and code. */
export function outcomes(
  answers: readonly { readonly status: number; readonly body: { readonly code?: string } }[],
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const outcome = body.code === undefined ? `${status}` : `${status} ${body.code}`;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

/** PostgreSQL tells an instance's connections by this name. */
function namedUrl(url: string, name: string): string {
  const named = new URL(url);
  named.searchParams.set('application_name', name);
  return named.href;
}
