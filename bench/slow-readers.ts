/**
 * Measures the cost of clients that request a list of 50,000 seats and do not read the answer: the
 * additional memory of the service, its answers, the time until the service closes their
 * connections, and how long a buyer waits meanwhile. The service is a process of its own, and a
 * seat changes every 5 ms.
 *
 *   npm run bench:slow-readers [clients, default 1000]
 */
import './support/help.ts';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveStadium } from './support/stadium.ts';

const seats = 50_000;
const changeMs = 5;
/** Longer than the time for which a client may read nothing. */
const watchedMs = 16_000;

const cases = {
  'the list': '/concert/1/seat?sessionId=11',
  'the list, gzip': '/concert/1/seat?sessionId=11|Accept-Encoding: gzip\r\n',
  'available=true': '/concert/1/seat?sessionId=11&available=true',
  'available=true, gzip': '/concert/1/seat?sessionId=11&available=true|Accept-Encoding: gzip\r\n',
  asOf: '/concert/1/seat?sessionId=11&asOf=2026-11-01T00:00:00Z',
} as const;

async function serve(): Promise<void> {
  const { port, stop } = await serveStadium(seats, changeMs);
  process.on('message', (asked) => {
    if (asked === 'memory') {
      globalThis.gc?.();
      process.send?.(process.memoryUsage().rss);
    } else void stop().then(() => process.disconnect());
  });
  process.send?.(port);
}

async function main(): Promise<void> {
  const clients = Number(process.argv[2] ?? 1_000);
  console.log(`${clients} clients that do not read, ${seats} seats, a change each ${changeMs} ms`);
  for (const [name, asked] of Object.entries(cases)) await measure(name, asked, clients);
}

async function measure(name: string, asked: string, clients: number): Promise<void> {
  const service = fork(new URL(import.meta.url), { execArgv: ['--import', 'tsx', '--expose-gc'] });
  const port = (await once(service, 'message'))[0] as number;
  const [path = '', header = ''] = asked.split('|');
  await get(port, '/concert/1/seat?sessionId=11');
  const before = await memoryOf(service);
  const statuses = new Map<string, number>();
  let gone = 0;
  const sockets = Array.from({ length: clients }, () =>
    neverReads(port, path, header, {
      answered: (status) => statuses.set(status, (statuses.get(status) ?? 0) + 1),
      ended: () => {
        gone += 1;
      },
    }),
  );
  let most = 0;
  let slowestMs = 0;
  const from = performance.now();
  while (performance.now() - from < watchedMs && gone < clients) {
    most = Math.max(most, await memoryOf(service));
    const askedMs = performance.now();
    await get(port, '/livez');
    slowestMs = Math.max(slowestMs, performance.now() - askedMs);
    await sleep(200);
  }
  const told = [...statuses].map(([status, count]) => `${count} × ${status}`).join(', ');
  console.log(
    `${name.padEnd(22)} ${more(most - before)} MiB at most, then ${more((await memoryOf(service)) - before)}; ` +
      `${told || 'nobody answered'}; ${gone} gone after ${Math.round((performance.now() - from) / 1_000)} s; ` +
      `/livez ${Math.round(slowestMs)} ms at most`,
  );
  for (const socket of sockets) socket.destroy();
  service.send('stop');
  await once(service, 'exit');
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
const more = (bytes: number) => `${bytes < 0 ? '' : '+'}${mib(bytes)}`;

async function memoryOf(service: ChildProcess): Promise<number> {
  const answered = once(service, 'message');
  service.send('memory');
  return (await answered)[0] as number;
}

async function get(port: number, path: string): Promise<void> {
  await (await fetch(`http://127.0.0.1:${port}${path}`)).arrayBuffer();
}

/** Reads the first bytes of the answer and then nothing, until the service ends the connection. */
function neverReads(
  port: number,
  path: string,
  header: string,
  on: { answered(status: string): void; ended(): void },
): Socket {
  const socket = connect(port, '127.0.0.1', () =>
    socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\n${header}\r\n`),
  );
  socket.once('data', (chunk) => {
    const status = chunk.toString('latin1').slice(9, 12);
    on.answered(status);
    if (status === '200') socket.pause();
  });
  // A paused socket does not notice that the other side has closed. A refused write shows this.
  const poke = setInterval(() => socket.write('\r\n'), 1_000);
  socket.on('error', () => {});
  socket.on('close', () => {
    clearInterval(poke);
    on.ended();
  });
  return socket;
}

if (process.send === undefined) await main();
else await serve();
