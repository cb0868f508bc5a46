import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect } from 'chai';
import { EventStoreUnavailable } from '../../src/commands/core/event-store.ts';
import { startRelay } from '../../src/drill/relay.ts';
import { Appender } from '../../src/infrastructure/eventstoredb/append.ts';
import { defaultBounds } from '../../src/infrastructure/eventstoredb/bounds.ts';
import { whyNoEventStore } from '../../src/infrastructure/eventstoredb/knock.ts';
import { exceptLoopback } from '../../src/infrastructure/eventstoredb/proxies.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { eventually } from '../support/eventually.ts';
import { selfSigned } from '../support/self-signed.ts';
import { testEventStore } from '../support/servers.ts';
import { charged, rejection } from './support/eventstoredb.ts';

describe('a client that cannot be made', () => {
  let directory: string;
  let url: string;
  const file = () => path.join(directory, 'ca.crt');
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'reprise-ca-'));
    await writeFile(file(), rootCertificates[0] ?? '');
    url = `esdb://admin:open-sesame@127.0.0.1:9?tlsCAFile=${file()}`;
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('waits like any other failure: nothing is blocked, calls end in time, and a signal ends a subscription', async () => {
    const store = connectEventStore(url, { readTimeoutMs: 600, appendTimeoutMs: 600 });
    await rm(file());
    let ticks = 0;
    const ticking = setInterval(() => {
      ticks += 1;
    }, 10);
    const stop = new AbortController();
    const following = (async () => {
      const wanted = { after: null, prefixes: ['seat-'], signal: stop.signal };
      for await (const _ of store.subscribe(wanted));
    })();
    try {
      const calls = [store.head(), store.append('seat-x', 'no_stream', [charged()])];
      for (const error of await Promise.all(calls.map(rejection))) {
        expect(error).to.be.instanceOf(EventStoreUnavailable);
      }
      expect(ticks).to.be.greaterThan(10);
      stop.abort();
      await following;
    } finally {
      clearInterval(ticking);
      await store.close();
    }
  });

  it('is not reachable meanwhile, and by itself again afterwards', async function () {
    const pair = await selfSigned();
    if (pair === undefined) return this.skip();
    // A real server without TLS wants no request that was sent with it.
    const server = await testEventStore({});
    const relay = await startRelay(Number(/:(\d+)/.exec(server.url)?.[1]), pair);
    await writeFile(file(), pair.cert);
    const store = connectEventStore(`esdb://localhost:${relay.port}?tlsCAFile=${file()}`);
    try {
      await eventually('it is there', () => store.reachable(1_000));
      await rm(file());
      relay.lead();
      await eventually('it is not', async () => !(await store.reachable(1_000)));
      await writeFile(file(), pair.cert);
      await eventually('all is well again', () => store.reachable(1_000));
    } finally {
      await store.close();
      await relay.stop();
      await server.stop();
    }
  });

  it('stands in the way of appends where readers still have an older one', async () => {
    const none = {
      client: () => Promise.reject(new Error('no such file')),
      worked() {},
      failed() {},
    };
    const appender = new Appender(none, defaultBounds);
    expect(await rejection(appender.ready(1_000))).to.have.property('message', 'no such file');
  });

  it('is refused at the start, with the setting and without the password', async () => {
    await rm(file());
    expect(() => connectEventStore(url)).to.throw(/^EVENTSTORE_URL cannot be used: .*certificate/);
    expect(await whyNoEventStore(url, 500)).to.match(/tlsCAFile cannot be read/);
    const malformed = url.replace(':9?', ':nine?');
    expect(() => connectEventStore(malformed)).to.throw(/^EVENTSTORE_URL/);
    try {
      connectEventStore(malformed);
    } catch (error) {
      expect((error as Error).message).not.to.contain('sesame');
    }
  });
});

describe('a proxy for gRPC', () => {
  const exceptions = (env: Record<string, string>, url = 'esdb://localhost:2113?tls=false') => {
    const after: Record<string, string | undefined> = { ...env };
    exceptLoopback(url, after);
    return after.no_grpc_proxy;
  };

  it('is not for this machine', () => {
    const proxy = { http_proxy: 'http://proxy:3128' };
    expect(exceptions({})).to.equal(undefined);
    expect(exceptions(proxy)).to.equal('localhost,127.0.0.0/8');
    expect(exceptions({ ...proxy, no_proxy: 'a.example,, b' })).to.equal(
      'a.example,b,localhost,127.0.0.0/8',
    );
    expect(exceptions({ ...proxy, no_grpc_proxy: 'c', no_proxy: 'd' })).to.match(/^c,localhost/);
    expect(exceptions(proxy, 'esdb://a@[::1]:2113')).to.equal('localhost,127.0.0.0/8,::1');
  });

  it('is not for this machine when a store is connected', async () => {
    const { http_proxy, no_grpc_proxy } = process.env;
    process.env.http_proxy = 'http://127.0.0.1:9';
    delete process.env.no_grpc_proxy;
    try {
      await connectEventStore('esdb://127.0.0.1:9?tls=false').close();
      expect(process.env.no_grpc_proxy).to.equal('localhost,127.0.0.0/8');
    } finally {
      for (const [name, value] of Object.entries({ http_proxy, no_grpc_proxy })) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });
});
