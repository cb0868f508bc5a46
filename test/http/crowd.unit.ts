import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { eventually } from '../support/eventually.ts';
import { fakeApi } from './support/fake-api.ts';

const max = 20;

interface Kept {
  readonly socket: Socket;
  readonly text: () => string;
}

describe('more connections than there may be', () => {
  let fake: ReturnType<typeof fakeApi>;
  let server: HttpServer;
  let port: number;
  const opened: Socket[] = [];
  beforeEach(async () => {
    fake = fakeApi();
    server = createHttpServer(fake, { connectionsMax: max });
    port = await server.listen(0, '127.0.0.1');
  });
  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy();
    await server.close(0);
  });

  const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

  /** Asks on a connection of its own, and keeps it. */
  function asks(path: string): Kept {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request(path)));
    opened.push(socket);
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    return { socket, text: () => text };
  }
  /** The same until its answer is there. */
  async function answered(path = '/livez'): Promise<Kept> {
    const kept = asks(path);
    const isWhole = () => /\r\n\r\n./.test(kept.text()) || kept.socket.closed;
    await eventually(`the answer to ${path}`, isWhole);
    return kept;
  }

  it('close those that are idle for longest; buyers and probes get in', async () => {
    const idle: Kept[] = [];
    for (let at = 0; at < max; at += 1) idle.push(await answered());
    const [first, second] = idle as [Kept, Kept];
    // It asks once more: now it is not the one that is idle for longest.
    first.socket.write(request('/concert'));
    await eventually('the second answer', () => first.text().includes('Requiem'));
    const closed = once(second.socket, 'close');
    expect((await answered('/concert/1/session')).text()).to.match(/^HTTP\/1\.1 200 /);
    await closed;
    expect((await answered('/readyz')).text()).to.match(/^HTTP\/1\.1 200 /);
    expect(server.load().connections).to.include({ closed: 2, dropped: 0 });
    expect(first.socket.closed).to.equal(false);
    const lines = fake.lines.map((line) => JSON.parse(line)).filter(({ closed: n }) => n > 0);
    expect(lines.map(({ msg }) => msg)).to.deep.equal([
      'the longest idle connections are closed to let others in',
    ]);
  });

  it('while all are busy are for probes alone', async () => {
    let busy = 0;
    fake.reads.sessions = () => {
      busy += 1;
      return new Promise(() => {});
    };
    for (let at = 0; at < max; at += 1) asks('/concert/1/session');
    await eventually('all are in', () => busy === max);
    for (const path of ['/concert', '/livez', '/concert', '/readyz']) {
      const text = (await answered(path)).text();
      if (path === '/concert') expect(text).to.include('too-many-connections');
      else expect(text).to.match(/^HTTP\/1\.1 200 /);
    }
  });

  it('of which none has asked yet have a second to do so', async () => {
    const silent = Array.from({ length: max }, () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      opened.push(socket);
      return socket;
    });
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    expect((await answered('/concert')).text()).to.include('too-many-connections');
    await eventually('one of them gives way', async () =>
      (await answered('/concert')).text().includes('Requiem'),
    );
  });

  it('leave none open when they are gone', async () => {
    await Promise.all(Array.from({ length: 3 * max }, () => answered()));
    for (const socket of opened.splice(0)) socket.destroy();
    await eventually('none is open', () => server.load().connections.open === 0);
  });
});
