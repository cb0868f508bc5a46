import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { Child } from '../../embedded/child.ts';
import { type ServerOptions, startServer } from '../../embedded/eventstore/server.ts';
import { startEmbeddedEventStore } from '../../embedded/eventstore/start.ts';
import { keepRunning } from '../../src/servers/keep-running.ts';
import { rejection } from '../conformance/support/client.ts';
import { eventually } from '../support/eventually.ts';

describe('event store: a port that is taken', () => {
  let directory: string;
  let holder: net.Server;
  let port: number;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'eventstore-port-'));
    holder = net.createServer();
    await once(holder.listen(0, '127.0.0.1'), 'listening');
    port = (holder.address() as AddressInfo).port;
  });
  afterEach(async () => {
    holder.close();
    await rm(directory, { recursive: true, force: true });
  });
  const start = (options: Partial<ServerOptions>) =>
    startServer({ port, dataDirectory: directory, ...options });

  it('is waited for as long as was said', async () => {
    const starting = start({ portWaitMs: 20_000 });
    await delay(300);
    holder.close();
    const server = await starting;
    expect(server.port).to.equal(port);
    await server.stop();
  });

  it('is refused at once when nothing was said, and after the wait', async () => {
    for (const portWaitMs of [0, 200]) {
      expect(String(await rejection(start({ portWaitMs })))).to.include('EADDRINUSE');
    }
  });

  it('is not waited for by one that is told to stop', async () => {
    const stopping = new AbortController();
    const starting = start({ portWaitMs: 20_000, signal: stopping.signal });
    setTimeout(() => stopping.abort(new Error('told to stop')), 100);
    expect(String(await rejection(starting))).to.include('told to stop');
  });

  it('counts as one restart of a store that was killed, however long it is waited for', async function () {
    this.timeout(60_000);
    await once(holder.close(), 'close');
    const children: Child[] = [];
    const faults: string[] = [];
    const parts: { stop(): Promise<void> }[] = [];
    const startIt = async () => {
      const child = await startEmbeddedEventStore({
        ...{ data: directory, port: String(port), portWaitMs: 20_000 },
      });
      children.push(child);
      return child;
    };
    await keepRunning('store', startIt, parts, (message) => faults.push(message));
    try {
      await children[0]?.kill();
      const other = net.createServer();
      await once(other.listen(port, '127.0.0.1'), 'listening');
      await delay(4_000);
      expect(children).to.have.length(1);
      other.close();
      await eventually('it runs again', () => children.length === 2);
      expect(faults).to.deep.equal(['the store ended by itself (SIGKILL) and is started again']);
    } finally {
      await Promise.all(parts.map((part) => part.stop()));
    }
  });
});
