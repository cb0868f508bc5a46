/**
 * Measures the cost of the HTTP layer, in requests per second and in one run: of plain `node:http`,
 * of unchanged Express, of Express with requests that are created with its prototypes, and of
 * Reprise's own server. The clients (`http-client.ts`) run in another process, so on a machine with
 * two cores the server has one core alone.
 *
 *   npm run bench:http [seconds per case, default 3] [rounds, default 3]
 */
import './support/help.ts';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import pino from 'pino';
import { bornRequests } from '../src/http/born-requests.ts';
import { readJson } from '../src/http/read-json.ts';
import { createHttpServer } from '../src/http/server.ts';
import type { PreparedBody } from '../src/queries/read-side.ts';
import { fakeApi } from '../test/http/support/fake-api.ts';

const seconds = Number(process.argv[2] ?? 3);
const rounds = Number(process.argv[3] ?? 3);
const connections = 64;

const seatList = Array.from({ length: 50 }, (_, at) => ({
  seatId: `A-1-${at + 1}`,
  section: 'A',
  row: '1',
  number: at + 1,
  price: 100_000,
  currency: 'KRW',
  isAvailable: true,
}));
const prepared: PreparedBody = {
  body: Buffer.from(JSON.stringify({ concertId: '1', sessionId: '11', seatList })),
  etag: '"seats-1"',
};

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`;
const order = JSON.stringify({ concertId: 1, sessionId: 11, seatId: 'A-1-1', userId: 7 });
const post = [
  'POST /concert/reservation HTTP/1.1',
  'Host: bench',
  'Content-Type: application/json',
  'AuthorizationWaiting: Bearer token-7',
  `Content-Length: ${order.length}`,
  '',
  order,
].join('\r\n');

const noop = get('/livez');
const seats = get('/concert/1/seat?sessionId=11');

type Start = () => Promise<{ port: number; close: () => Promise<unknown> }>;

const onServer =
  (create: () => Server): Start =>
  async () => {
    const server = create().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const close = async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
    return { port: (server.address() as AddressInfo).port, close };
  };

const raw = onServer(() =>
  createServer((req, res) => {
    const body = req.url === '/livez' ? '{"status":"alive"}' : prepared.body;
    const head = ['Content-Type', 'application/json', 'Content-Length', String(body.length)];
    res.writeHead(200, head);
    res.end(body);
  }),
);

function plainApp(): Express {
  const app = express();
  app.get('/livez', (_req, res) => {
    res.json({ status: 'alive' });
  });
  app.get('/concert/:concertId/seat', (_req, res) => {
    res.set('Content-Type', 'application/json').set('ETag', prepared.etag).send(prepared.body);
  });
  return app;
}

const plain = onServer(() => createServer(plainApp() as RequestListener));

const born = (app: Express) =>
  onServer(() => createServer(bornRequests(app), app as RequestListener));

/** Two apps that differ in how they read a body, and in nothing else. */
function readerApp(own: boolean): Express {
  const app = express();
  if (!own) app.use(express.json({ limit: '16kb' }));
  app.post('/concert/reservation', async (req, res) => {
    const body = own ? await readJson(req) : { ok: true, value: req.body };
    const text = JSON.stringify(body);
    res.writeHead(200, ['Content-Length', String(text.length)]);
    res.end(text);
  });
  return app;
}

const reprise: Start = async () => {
  const fake = fakeApi();
  fake.reads.seats = async () => prepared;
  const server = createHttpServer({ ...fake, log: pino({ level: 'silent' }) });
  return { port: await server.listen(0, '127.0.0.1'), close: () => server.close(0) };
};

const cases: readonly (readonly [name: string, start: Start, request: string])[] = [
  ['no-op GET, raw node:http', raw, noop],
  ['no-op GET, Express as it comes', plain, noop],
  ['no-op GET, Express with born requests', born(plainApp()), noop],
  ['no-op GET, Reprise', reprise, noop],
  ['seat list, raw node:http', raw, seats],
  ['seat list, Express as it comes', plain, seats],
  ['seat list, Reprise', reprise, seats],
  ['POST body, express.json', born(readerApp(false)), post],
  ['POST body, own reader', born(readerApp(true)), post],
  ['POST reservation, Reprise', reprise, post],
];

interface Figures {
  readonly perSecond: number;
  /**
   * The processor time of this process, which is the server, per request. On a busy machine, it is
   * more exact than the requests per second.
   */
  readonly cpuMicros: number;
}

async function measure(start: Start, request: string): Promise<Figures> {
  const { port, close } = await start();
  const client = fork(new URL('http-client.ts', import.meta.url));
  const died = once(client, 'exit').then(() => Promise.reject(new Error('the client died')));
  const answered = async () => (await Promise.race([once(client, 'message'), died]))[0] as number;
  try {
    client.send({ port, request, connections, seconds });
    const before = await answered();
    const cpu = process.cpuUsage();
    const from = performance.now();
    const requests = (await answered()) - before;
    const { user, system } = process.cpuUsage(cpu);
    const perSecond = (requests * 1000) / (performance.now() - from);
    return { perSecond, cpuMicros: (user + system) / requests };
  } finally {
    if (client.connected) client.disconnect();
    await close();
  }
}

const results = new Map<string, Figures[]>();
for (let round = 0; round < rounds; round++) {
  for (const [name, start, request] of cases) {
    results.set(name, [...(results.get(name) ?? []), await measure(start, request)]);
  }
}
console.log(`Node ${process.version}, ${connections} connections, ${seconds} s, ${rounds} rounds`);
console.log(
  `${' '.repeat(38)} requests/s: median (range)   server CPU µs a request: median (range)`,
);
for (const [name, figures] of results) {
  const speed = summary(figures.map(({ perSecond }) => perSecond));
  const cpu = summary(figures.map(({ cpuMicros }) => cpuMicros));
  console.log(`${name.padEnd(38)} ${speed.padStart(27)}   ${cpu.padStart(40)}`);
}

function summary(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b).map(Math.round);
  return `${sorted[Math.floor(sorted.length / 2)]} (${sorted[0]} to ${sorted.at(-1)})`;
}
