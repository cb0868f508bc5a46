import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2, createSecureServer } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import {
  connectPostgres,
  whyRefused as whyPostgresRefused,
} from '../../src/infrastructure/postgres.ts';
import { connectRedis, whyRefused } from '../../src/infrastructure/redis.ts';
import { RedisQueue } from '../../src/queue/redis-queue.ts';
import {
  type NamedServer,
  namedEventStore,
  namedPostgres,
  namedRedis,
  untilAnswers,
} from '../../src/serve/starting.ts';
import { testSettings } from '../queue/support/times.ts';
import { selfSigned } from '../support/self-signed.ts';
import { type TestDatabase, testDatabase, testEventStore } from '../support/servers.ts';

/** Much shorter than the time that a server is waited for, in milliseconds. */
const atOnceMs = 10_000;

/** What the start says, or what it is still waiting for after so many milliseconds. */
async function startOn(server: NamedServer, patienceMs = atOnceMs): Promise<string> {
  const said: string[] = [];
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new Error('still waiting')), patienceMs);
  try {
    await untilAnswers(server, { say: (line) => said.push(line), signal: stop.signal });
    return 'it answers';
  } catch (error) {
    const { message } = error as Error;
    return message === 'still waiting' ? said.join().trim() : message;
  } finally {
    clearTimeout(timer);
  }
}

describe('a wrong URL ends the start at once, in words that hold no password', () => {
  const ended: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ended.splice(0)) await end();
  });

  /** Where the server listens now. */
  async function listen(server: Server): Promise<number> {
    const sockets = new Set<{ destroy(): void }>();
    server.on('connection', (socket) => sockets.add(socket));
    server.on('tlsClientError', () => {});
    server.on('sessionError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ended.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }

  describe('POSTGRES_URL', () => {
    let database: TestDatabase;
    before(async () => {
      database = await testDatabase();
    });
    after(() => database.drop());

    const start = async (change: (url: URL) => void, patienceMs?: number) => {
      const url = new URL(database.url);
      change(url);
      const postgres = connectPostgres(url.href);
      try {
        return await startOn(namedPostgres(postgres), patienceMs);
      } finally {
        await postgres.close();
      }
    };
    const correct = (why: string) => `PostgreSQL cannot be used (${why}): correct POSTGRES_URL`;

    it('another password, an unknown user, an unknown database, TLS that it has not', async () => {
      const { username } = new URL(database.url);
      const failed = (user: string) => correct(`password authentication failed for user "${user}"`);
      expect(await start(() => {})).to.equal('it answers');
      const other = await start((url) => {
        url.password = 'open-sesame';
      });
      expect(other).to.equal(failed(username));
      const user = await start((url) => {
        url.username = 'nobody';
      });
      expect(user).to.equal(failed('nobody'));
      const unknown = await start((url) => {
        url.pathname = '/no_such_database';
      });
      expect(unknown).to.equal(correct('database "no_such_database" does not exist'));
      const tls = await start((url) => url.searchParams.set('sslmode', 'verify-full'));
      expect(tls).to.equal(correct('it speaks no TLS, and the URL wants it'));
    });

    it('a certificate that is not trusted', async function () {
      const pair = await selfSigned();
      if (pair === undefined) return this.skip();
      // As PostgreSQL begins TLS: by a yes to the first eight bytes.
      const port = await listen(
        createServer((socket) =>
          socket
            .on('error', () => {})
            .once('data', () => {
              socket.write('S');
              new TLSSocket(socket, { isServer: true, ...pair }).on('error', () => {});
            }),
        ),
      );
      const postgres = connectPostgres(`postgres://u:p@localhost:${port}/d?sslmode=require`);
      expect(await startOn(namedPostgres(postgres))).to.match(
        /certificate is not trusted \(self-signed certificate\): name its authority by sslrootcert.*: correct POSTGRES_URL$/,
      );
      await postgres.close();
    });

    it('no password', () => {
      // The driver leaves such a connection open, and no database can be dropped meanwhile: so not
      // on the server.
      const error = new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string');
      expect(whyPostgresRefused(error)).to.equal('it wants a password, and the URL has none');
    });

    it('is waited for while nobody answers', async () => {
      const waiting = await start((url) => {
        url.port = '9';
      }, 300);
      expect(waiting).to.match(/^waiting {6}PostgreSQL gives no answer yet/);
    });
  });

  describe('REDIS_URL', () => {
    /** A server that says this to each command. */
    const saying = (reply: string) =>
      listen(
        createServer((socket) =>
          socket.on('data', (commands) => {
            for (const _ of String(commands).matchAll(/^\*\d+\r$/gm)) socket.write(reply);
          }),
        ),
      );

    const start = async (url: string, patienceMs?: number) => {
      let refusal: string | undefined;
      const redis = connectRedis(url, (error) => {
        refusal = whyRefused(error) ?? refusal;
      });
      const queue = new RedisQueue(redis, testSettings);
      try {
        return await startOn(
          namedRedis(queue, () => refusal),
          patienceMs,
        );
      } finally {
        await queue.close();
      }
    };
    const correct = (why: string) => `Redis cannot be used (${why}): correct REDIS_URL`;

    for (const said of [
      'WRONGPASS invalid username-password pair or user is disabled.',
      'NOAUTH Authentication required.',
      'ERR invalid password',
      'ERR DB index is out of range',
    ]) {
      it(said, async () => {
        const port = await saying(`-${said}\r\n`);
        const url = `redis://user:open-sesame@127.0.0.1:${port}/99`;
        expect(await start(url)).to.equal(correct(said));
      });
    }

    it('a wrong password of a cluster, and a server that is none', async () => {
      const wrong = 'WRONGPASS invalid username-password pair or user is disabled.';
      const port = await saying(`-${wrong}\r\n`);
      const url = `redis+cluster://user:open-sesame@127.0.0.1:${port}`;
      expect(await start(url)).to.equal(correct(wrong));
      const single = await saying('-ERR This instance has cluster support disabled\r\n');
      expect(await start(`redis+cluster://127.0.0.1:${single}`)).to.equal(
        correct('it is no cluster, and the URL says so'),
      );
    });

    it('a server that speaks something else', async () => {
      const port = await listen(createHttp((_req, res) => res.end()));
      expect(await start(`redis://127.0.0.1:${port}`)).to.equal(
        correct('what listens there does not speak Redis’s protocol'),
      );
    });

    it('is waited for while it loads, or nobody answers', async () => {
      const port = await saying('-LOADING Redis is loading the dataset in memory\r\n');
      for (const url of [`redis://127.0.0.1:${port}`, 'redis://127.0.0.1:9']) {
        expect(await start(url, 700)).to.match(/^waiting {6}Redis gives no answer yet/);
      }
    });
  });

  describe('EVENTSTORE_URL', () => {
    const start = async (url: string, patienceMs?: number) => {
      const store = connectEventStore(url, { readTimeoutMs: 300 });
      try {
        return await startOn(namedEventStore(store, url), patienceMs);
      } finally {
        await store.close();
      }
    };
    const correct = (why: string) =>
      `the event store cannot be used (${why}): correct EVENTSTORE_URL`;

    it('TLS to a server that has none', async () => {
      const server = await testEventStore();
      ended.push(() => server.stop());
      expect(await start(server.url)).to.equal('it answers');
      const secured = server.url.replace('?tls=false', '').replace('//', '//admin:open-sesame@');
      const why = 'it speaks no TLS, and the URL does not say tls=false';
      expect(await start(secured)).to.equal(correct(why));
    });

    it('a server that speaks no HTTP/2', async () => {
      const port = await listen(createHttp((_req, res) => res.end()));
      const why = 'what listens there does not speak gRPC';
      for (const query of ['?tls=false', '']) {
        expect(await start(`esdb://127.0.0.1:${port}${query}`)).to.equal(correct(why));
      }
    });

    it('a server that wants TLS, and one whose certificate is not trusted', async function () {
      const pair = await selfSigned();
      if (pair === undefined) return this.skip();
      const port = await listen(createSecureServer(pair));
      const url = `esdb://localhost:${port}`;
      expect(await start(`${url}?tls=false`)).to.equal(
        correct('it wants TLS, and the URL says tls=false'),
      );
      const untrusted = 'its certificate is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)';
      expect(await start(url)).to.equal(correct(`${untrusted}: name its authority by tlsCAFile`));
      const web = await listen(createHttps(pair));
      expect(await start(`esdb://localhost:${web}`)).to.equal(
        correct('what listens there does not speak gRPC'),
      );
    });

    it('is waited for while nobody answers, or one of its nodes could be right', async () => {
      const http2 = await listen(createHttp2());
      const http = await listen(createHttp());
      for (const hosts of [
        '127.0.0.1:9',
        `127.0.0.1:${http2}`,
        `127.0.0.1:${http2},127.0.0.1:${http}`,
      ]) {
        const said = await start(`esdb+discover://${hosts}?tls=false`, 500);
        expect(said, hosts).to.match(/^waiting {6}the event store gives no answer yet/);
      }
    });
  });

  /** A key with its certificate for localhost; undefined where there is no openssl. */
});
