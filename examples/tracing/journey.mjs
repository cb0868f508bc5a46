// Shows one journey from its requests to the read models: starts a collector and a service with
// scratch data, buys a seat under one trace id, and prints the spans as a tree.
//   node examples/tracing/journey.mjs
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const startMaxMs = 120_000;
/** The service sends its spans each half second; the read models follow within that, too. */
const spansMaxMs = 10_000;

const absolute = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const spans = [];
const collector = createServer(async (req, res) => {
  const { resourceSpans } = await json(req);
  for (const { scopeSpans } of resourceSpans)
    for (const scope of scopeSpans) spans.push(...scope.spans);
  res.setHeader('content-type', 'application/json').end('{}');
});
await once(collector.listen(0, '127.0.0.1'), 'listening');

const dataDir = await mkdtemp(join(tmpdir(), 'reprise-tracing-'));
const service = spawn(
  process.execPath,
  ['--import', new URL('register.mjs', import.meta.url).href, absolute('bin/reprise.js'), 'serve'],
  {
    env: {
      ...process.env,
      ...{ DATA_DIR: dataDir, PORT: '0', ADMIN_PORT: '0', DEMO: 'on' },
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.address().port}`,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
let output = '';
service.stdout.on('data', (chunk) => {
  output += chunk;
});

try {
  const api = await until(startMaxMs, () => /API\s+(http:\S+)/.exec(output)?.[1]);
  const traceId = randomBytes(16).toString('hex');
  await buy(api, `00-${traceId}-${randomBytes(8).toString('hex')}-01`);
  const isOfTrace = (span) => span.traceId === traceId;
  const links = (span) => (span.links ?? []).filter(isOfTrace);
  const shown = (name) => spans.some((span) => isOfTrace(span) && span.name === name);
  const batches = () =>
    spans.filter(({ name, ...span }) => name === 'projection batch' && links(span).length > 0);
  await until(spansMaxMs, () => shown('payReservation') && batches().length > 0 && shown('append'));
  await sleep(1_000);
  print(spans.filter(isOfTrace), batches(), links);
} finally {
  service.kill('SIGTERM');
  await once(service, 'exit');
  collector.close();
  await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

/** Queue, sessions, seats, reservation, payment: all under one trace id. */
async function buy(api, traceparent) {
  const call = async (method, path, body, headers = {}) => {
    const init = { method, headers: { traceparent, ...headers } };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers['content-type'] = 'application/json';
    }
    const response = await fetch(api + path, init);
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const userId = '1';
  const { token } = await until(startMaxMs, async () => {
    const status = await call('GET', `/concert/waiting/status?userId=${userId}`);
    return status.processing ? status : undefined;
  });
  const headers = { AuthorizationWaiting: `Bearer ${token}` };
  const [{ sessionId }] = await call('GET', '/concert/1/session');
  const { seatList } = await call('GET', `/concert/1/seat?sessionId=${sessionId}`);
  const seat = { concertId: '1', sessionId, seatId: seatList[0].seatId, userId };
  const { reservationId } = await call('POST', '/concert/reservation', seat, headers);
  await call('POST', '/concert/payment', { userId, reservationId }, headers);
}

function print(all, batches, links) {
  const line = (span, depth) => {
    const tookMs = Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6;
    const attributes = span.attributes.map(({ key, value }) => `${key}=${Object.values(value)[0]}`);
    console.log(
      `${'  '.repeat(depth)}${span.name}  ${tookMs.toFixed(1)} ms  ${attributes.join(' ')}`,
    );
  };
  const show = (span, depth) => {
    line(span, depth);
    for (const child of all) if (child.parentSpanId === span.spanId) show(child, depth + 1);
    for (const batch of batches) {
      if (links(batch).some(({ spanId }) => spanId === span.spanId)) line(batch, depth + 1);
    }
  };
  const ids = new Set(all.map(({ spanId }) => spanId));
  const roots = all.filter(({ parentSpanId }) => !ids.has(parentSpanId));
  const begun = ({ startTimeUnixNano }) => BigInt(startTimeUnixNano);
  roots.sort((a, b) => (begun(a) < begun(b) ? -1 : 1));
  for (const root of roots) show(root, 0);
}

/** Asks each tenth of a second until there is an answer. Throws after `maxMs`. */
async function until(maxMs, ask) {
  const endMs = performance.now() + maxMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > endMs) throw new Error(`no answer in ${maxMs} ms:\n${output}`);
    await sleep(100);
  }
}
