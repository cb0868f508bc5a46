import { once } from 'node:events';
import { open, rename, rm } from 'node:fs/promises';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { Relay } from '../../src/drill/relay.ts';
import { checkpointChannel, replacedChannel } from '../../src/projections/engine/checkpoint.ts';
import type { Service } from '../../test/e2e/support/service.ts';
import type { Program } from '../../test/support/programs.ts';
import type { TestEventStore } from '../../test/support/servers.ts';

/** The faults of the servers of a service, for `bench/faults.ts`. */

/** The most segments of its own log that PostgreSQL creates in advance. */
const partsMax = 32;

export interface Site {
  readonly service: Service;
  readonly postgres: Program;
  readonly standby: Program;
  readonly redis: Program;
  readonly store: TestEventStore;
  /** The certificate file by which the service trusts the event store. */
  readonly caFile: string;
  /** A file on PostgreSQL's disk, which fills it. */
  readonly ballast: string;
  readonly ways: { readonly postgres: Relay; readonly redis: Relay; readonly store: Relay };
}

export interface Fault {
  readonly name: string;
  readonly begin: (site: Site) => unknown;
  /** Undefined for a permanent fault, from which the service must recover by itself. */
  readonly end?: (site: Site) => unknown;
}

const postgresSays = ({ postgres }: Site, ...statements: string[]) => said(postgres, ...statements);
const said = async ({ url }: Pick<Program, 'url'>, ...statements: string[]) => {
  const client = new pg.Client({ connectionString: url });
  // The connection may end during a statement; then the statement fails with the reason.
  client.on('error', () => {});
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
};
const redisSays = async ({ redis }: Site, ...[host, port]: [string, string]) => {
  const client = new Redis(redis.url);
  await client.call('REPLICAOF', host, port);
  client.disconnect();
};
export const portOf = (url: string) => Number(/:(\d+)(?:[/?]|$)/.exec(url)?.[1]);

/** Servers that listen in the place of the event store. */
export const impostors: Server[] = [];
async function impostor(server: Server): Promise<number> {
  impostors.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
const answering =
  (status: number) =>
  async ({ ways }: Site) => {
    const server = createHttp2((_, response) => {
      response.writeHead(status);
      response.end();
    });
    ways.store.lead(await impostor(server));
  };
const storeAgain = ({ ways, store }: Site) => ways.store.lead(portOf(store.url));

export const faults: readonly Fault[] = [
  {
    name: 'PostgreSQL: open connections transfer nothing in either direction; new ones work',
    begin: ({ ways }) => ways.postgres.freeze(),
  },
  {
    name: 'PostgreSQL: killed, then restarted',
    begin: ({ postgres }) => postgres.kill(),
    end: ({ postgres }) => postgres.restart(),
  },
  {
    name: 'PostgreSQL: its disk is full, and it exits; restarted when there is space',
    begin: async (site) => {
      const ballast = await open(site.ballast, 'w');
      const megabyte = Buffer.alloc(1024 * 1024);
      try {
        for (;;) await ballast.write(megabyte);
      } catch {
        await ballast.close();
      }
      // PostgreSQL needs a new segment of its own log soon, and there is no space for it.
      for (let part = 0; part < partsMax; part += 1) {
        try {
          const something = "SELECT pg_logical_emit_message(true, 'fault', '')";
          await postgresSays(site, something, 'SELECT pg_switch_wal()');
        } catch {
          return;
        }
      }
      throw new Error('the disk is full, and PostgreSQL goes on');
    },
    end: async ({ postgres, ballast }) => {
      await rm(ballast);
      await postgres.restart();
    },
  },
  {
    name: 'PostgreSQL: accepts no writes, as on old connections after a failover',
    begin: (site) =>
      postgresSays(
        site,
        'ALTER SYSTEM SET default_transaction_read_only TO on',
        'SELECT pg_reload_conf()',
      ),
    end: (site) =>
      postgresSays(
        site,
        'SET default_transaction_read_only TO off',
        'ALTER SYSTEM RESET default_transaction_read_only',
        'SELECT pg_reload_conf()',
      ),
  },
  {
    name: 'PostgreSQL: connections to its address reach a standby that is behind',
    begin: async (site) => {
      await said(site.standby, 'SELECT pg_wal_replay_pause()');
      site.ways.postgres.lead(site.standby.port);
    },
    end: async (site) => {
      await said(site.standby, 'SELECT pg_wal_replay_resume()');
      site.ways.postgres.lead(site.postgres.port);
    },
  },
  {
    name: 'PostgreSQL: another client sends wrong notifications',
    begin: (site) =>
      postgresSays(
        site,
        ...[checkpointChannel, replacedChannel].flatMap((channel) =>
          ['hello', '1000000000000', '-1', '', '9'.repeat(40)].map(
            (payload) => `SELECT pg_notify('${channel}', '${payload}')`,
          ),
        ),
      ),
    end: () => {},
  },
  {
    name: 'Redis: killed, then restarted without its data',
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.restart(),
  },
  {
    name: 'Redis: becomes a replica, then the master again',
    begin: (site) => redisSays(site, '127.0.0.1', '9'),
    end: (site) => redisSays(site, 'NO', 'ONE'),
  },
  {
    name: 'event store: killed, then restarted',
    begin: ({ store }) => store.kill?.(),
    end: ({ store }) => store.restart?.(),
  },
  {
    name: 'event store: connections broken, and the file of tlsCAFile is missing',
    begin: async (site) => {
      await rename(site.caFile, `${site.caFile}.away`);
      storeAgain(site);
    },
    end: ({ caFile }) => rename(`${caFile}.away`, caFile),
  },
  {
    name: 'event store: open connections transfer nothing; new ones work',
    begin: ({ ways }) => ways.store.freeze(),
  },
  ...[401, 403, 404].map((status) => ({
    name: `event store: a proxy answers ${status}`,
    begin: answering(status),
    end: storeAgain,
  })),
  {
    name: 'event store: another program uses its port',
    begin: async ({ ways }) =>
      ways.store.lead(await impostor(createHttp((_, response) => response.end('hello')))),
    end: storeAgain,
  },
];
