import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import pino from 'pino';
import { httpLimits } from '../../src/http/limits.ts';
import { Outbox } from '../../src/http/outbox.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import type { PreparedBody } from '../../src/queries/read-side.ts';
import { eventually } from '../support/eventually.ts';
import { StoppedClock } from '../support/stopped-clock.ts';
import { fakeApi } from './support/fake-api.ts';

const mebibyte = 1024 * 1024;
/** More than the sockets of both sides hold. */
const listBytes = 24 * mebibyte;
const path = '/concert/1/seat?sessionId=11';

const filled = Buffer.alloc(mebibyte, 'x');

/** A list whose parts are its own. Their bytes are shared, because nobody looks at them. */
const ofParts = (bytes: number, etag: string, partBytes = 32 * 1024): PreparedBody => {
  const part = () => filled.subarray(0, partBytes);
  const chunks = Array.from({ length: bytes / partBytes }, part);
  return {
    chunks,
    get body(): Buffer {
      throw new Error('a large list is not joined');
    },
    etag,
  };
};

describe('clients that do not read large lists', function () {
  this.timeout(60_000);
  let server: HttpServer;
  let port: number;
  let fake: ReturnType<typeof fakeApi>;
  const sockets: Socket[] = [];
  let clock: StoppedClock | undefined;

  const listen = async (limits: Parameters<typeof createHttpServer>[1]) => {
    fake = fakeApi();
    server = createHttpServer({ ...fake, log: pino({ level: 'silent' }) }, limits);
    port = await server.listen(0, '127.0.0.1');
  };
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server?.close(0);
    clock?.restore();
    clock = undefined;
  });

  /** @returns the first bytes of the answer; the rest is not read */
  async function asks(of = path): Promise<{ socket: Socket; status: string }> {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`GET ${of} HTTP/1.1\r\nHost: x\r\n\r\n`),
    );
    sockets.push(socket);
    socket.on('error', () => {});
    const [chunk] = await once(socket, 'data');
    socket.pause();
    return { socket, status: chunk.toString('latin1').slice(9, 12) };
  }

  const waitingBytes = () => server.load().waitingBytes;

  it('wait for the same bytes, however many they are', async () => {
    await listen({ answerWaitingBytesMax: listBytes });
    const list = ofParts(listBytes, '"v1"');
    fake.reads.seats = async () => list;
    const all = await Promise.all(Array.from({ length: 20 }, () => asks()));
    expect(all.map(({ status }) => status)).to.deep.equal(Array(20).fill('200'));
    expect(waitingBytes()).to.equal(listBytes);
  });

  it('of many lists are answered 503 above the bound, until others are gone', async () => {
    await listen({ answerWaitingBytesMax: 2.5 * listBytes });
    let version = 0;
    fake.reads.seats = async () => ofParts(listBytes, `"v${++version}"`);
    const first = await asks();
    const statuses = [];
    for (let at = 0; at < 3; at += 1) statuses.push((await asks()).status);
    expect(statuses).to.deep.equal(['200', '503', '503']);
    const identity = { 'Accept-Encoding': 'identity' };
    const refused = await fetch(`http://127.0.0.1:${port}${path}`, { headers: identity });
    expect(refused.headers.get('retry-after')).to.equal('2');
    expect(((await refused.json()) as { code: string }).code).to.equal('too-many-lists');
    // Smaller ones are answered all the while.
    expect((await fetch(`http://127.0.0.1:${port}/concert`)).status).to.equal(200);
    first.socket.destroy();
    await eventually('there is room again', async () => (await asks()).status === '200');
  });

  it('leave half of the bound to lists of the present when they ask for the past', async () => {
    await listen({ answerWaitingBytesMax: 3 * listBytes });
    let version = 0;
    // Lists of the past are compressed part by part, which takes seconds for hundreds of them.
    const next = async () => ofParts(listBytes, `"v${++version}"`, mebibyte);
    Object.assign(fake.reads, { seats: next, seatsAsOf: next });
    const past = `${path}&asOf=2026-11-01T00:00:00Z`;
    const statuses = [];
    for (let at = 0; at < 2; at += 1) statuses.push((await asks(past)).status);
    expect(statuses).to.deep.equal(['200', '503']);
    expect((await asks()).status).to.equal('200');
  });

  it('are cut off when they take nothing for too long, and only they', async () => {
    await listen({ answerStallTimeoutMs: 500, answerStallCheckTimeoutMs: 1 });
    clock = new StoppedClock();
    const list = ofParts(listBytes, '"v1"');
    fake.reads.seats = async () => list;
    const { socket } = await asks();
    const slow = await asks();
    let taken = 0;
    slow.socket.on('data', (chunk) => {
      taken += chunk.length;
      slow.socket.pause();
      // All of it takes three times as long as one may take nothing.
      clock?.pass((chunk.length / listBytes) * 1_500);
      setTimeout(() => slow.socket.resume(), 1);
    });
    slow.socket.resume();
    await eventually('the one that reads has all', () => taken >= listBytes - 64 * 1024, 40_000);
    await eventually('nothing waits any more', async () => waitingBytes() === 0);
    // What the system's sockets hold it still gets, and then the end.
    socket.resume();
    await eventually('the one that reads nothing is cut', () => socket.closed);
    expect(socket.bytesRead).to.be.below(listBytes);
  });

  it('leave nothing behind of answers that had not had their turn on their connection', async () => {
    await listen({});
    let version = 0;
    fake.reads.seats = async () => ofParts(listBytes, `"v${++version}"`);
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(3)),
    );
    socket.on('error', () => {});
    socket.pause();
    await eventually('three lists wait', async () => waitingBytes() >= 3 * listBytes);
    socket.destroy();
    await eventually('no bytes wait', async () => waitingBytes() === 0);
  });

  it('leave nothing open behind when they are gone', async () => {
    await listen({});
    fake.reads.seats = async () => ofParts(listBytes, '"v1"');
    await Promise.all(Array.from({ length: 30 }, () => asks()));
    for (const socket of sockets.splice(0)) socket.destroy();
    await eventually('no bytes wait', async () => waitingBytes() === 0);
    await eventually('nobody is connected', () => server.load().connections.open === 0);
  });
});

describe('an outbox', () => {
  it('counts what several wait for once, and each part of its own', () => {
    const outbox = new Outbox({ ...httpLimits, answerWaitingBytesMax: 100 });
    const parts = [Buffer.alloc(60), Buffer.alloc(20)];
    expect(outbox.hasRoom([Buffer.alloc(1_000)], 1), 'one always may').to.equal(true);
    expect(outbox.hasRoom(parts, 1)).to.equal(true);
    expect(outbox.waitingBytes).to.equal(0);
  });
});
