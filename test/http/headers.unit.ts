import { expect } from 'chai';
import { EventStoreUnavailable } from '../../src/commands/core/event-store.ts';
import type { RefusalCode } from '../../src/commands/core/result.ts';
import type { Endpoint } from '../../src/http/endpoint.ts';
import { endpoints } from '../../src/http/endpoints.ts';
import { codesOf } from '../../src/http/openapi.ts';
import { isRepeated, type ProblemCode } from '../../src/http/problems.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { ReadSideUnavailable } from '../../src/queries/read-side.ts';
import { SeatFeed } from '../../src/queries/seat-feed.ts';

import { QueueFull } from '../../src/queue/waiting-queue.ts';
import { QueueUnavailable } from '../../src/shared-state/queue-unavailable.ts';
import { eventually } from '../support/eventually.ts';
import { bearer, bill, order } from './support/api.ts';
import { documentedHeaders, documentedStatuses, ownHeaders } from './support/document.ts';
import { type FakeApi, fakeApi } from './support/fake-api.ts';

interface Ask {
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/** What an answer had: its own headers, by lower-case names. */
interface Seen {
  readonly status: number;
  readonly headers: readonly string[];
}

const requestId = 'walk-1';
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** Of each call: what it is asked to answer 200. */
const paths: Readonly<Record<string, readonly [path: string, body?: object]>> = {
  waitingStatus: ['/concert/waiting/status?userId=7'],
  listSeats: ['/concert/1/seat?sessionId=11'],
  listSessions: ['/concert/1/session'],
  reserveSeat: ['/concert/reservation', order],
  payReservation: ['/concert/payment', bill],
  showBalance: ['/concert/balance?userId=7'],
  chargeBalance: ['/concert/balance', { userId: 7, amount: 500 }],
  listReservations: ['/concert/reservation?userId=7'],
  showReservation: ['/concert/reservation/11.A-1-1.1?userId=7'],
  cancelReservation: ['/concert/reservation/11.A-1-1.1?userId=7'],
  streamSeats: ['/concert/1/seat/stream?sessionId=11'],
  listConcerts: ['/concert'],
  livez: ['/livez'],
  readyz: ['/readyz'],
  openapiDocument: ['/openapi.json'],
};

/** They ask nobody and wait for nothing: that leaves bugs, which every call may have. */
const noFailures: Readonly<Record<string, readonly number[]>> = {
  livez: [500, 503],
  openapiDocument: [500, 503],
};

type Change = (fake: FakeApi, ask: Ask) => void;

const rejecting = (error: unknown) => () => Promise.reject(error);

/** Has every command, or every query, do this. */
function onSales({ sales }: FakeApi, work: () => Promise<unknown>): void {
  Object.assign(sales, { reserve: work, pay: work, cancel: work, charge: work });
}
function onReads({ reads }: FakeApi, work: () => Promise<never>): void {
  Object.assign(reads, { concerts: work, sessions: work, seats: work });
  Object.assign(reads, { balance: work, reservation: work, reservations: work });
}

/**
 * Makes the call answer this problem. What the shop refuses it refuses by itself: see `refusing`.
 */
const provoke: Partial<Record<ProblemCode, Change>> = {
  'invalid-request'(_house, ask) {
    ask.headers['X-Min-Event-Position'] = 'soon';
    ask.path = ask.path.replace(/=[^&]*/, '=');
    if (ask.body !== undefined) ask.body = '{}';
  },
  'malformed-json'(_house, ask) {
    ask.body = '{';
  },
  'body-too-large'(_house, ask) {
    ask.body = ' '.repeat(20_000);
  },
  'unsupported-media-type'(_house, ask) {
    ask.headers['Content-Type'] = 'text/plain';
  },
  'token-missing'(_house, ask) {
    ask.headers.AuthorizationWaiting = '';
  },
  'token-unknown'({ queue }) {
    queue.authorize = async () => 'unknown';
  },
  'token-not-yours'({ queue }) {
    queue.authorize = async () => 'not-yours';
  },
  'not-admitted'({ queue }) {
    queue.authorize = async () => 'waiting';
  },
  'queue-unavailable'({ queue }) {
    const fail = rejecting(new QueueUnavailable('away'));
    Object.assign(queue, { poll: fail, authorize: fail });
  },
  'queue-full'({ queue }) {
    queue.poll = rejecting(new QueueFull());
  },
  'event-store-unavailable'(fake) {
    const fail = rejecting(new EventStoreUnavailable('away'));
    onSales(fake, fail);
    fake.ownPositions.of = async () => 'unknown';
    Object.assign(fake, { logEnd: fail });
  },
  'read-side-unavailable'(fake) {
    onReads(fake, rejecting(new ReadSideUnavailable('away')));
  },
  'read-side-behind'(_house, ask) {
    ask.headers['X-Min-Event-Position'] = '9'.repeat(19);
  },
  'too-many-keys'(fake) {
    Object.assign(fake, { idempotencyKeysMax: 0 });
  },
  'not-ready'({ probes }) {
    Object.assign(probes, { queue: async () => false });
  },
  'internal-error'(fake) {
    const fail = rejecting(new TypeError('a bug'));
    onSales(fake, fail);
    onReads(fake, fail);
    fake.queue.poll = fail;
    fake.reads.status = () => {
      throw new TypeError('a bug');
    };
  },
  'concert-not-found'({ reads }, ask) {
    if (ask.path.includes('/waiting/')) ask.path += '&concertId=9';
    reads.sessions = async () => undefined;
  },
  'session-not-found'({ reads }) {
    reads.seats = async () => undefined;
  },
  'reservation-not-found'({ reads }) {
    reads.reservation = async () => undefined;
  },
  'reservation-not-yours'({ reads }) {
    const { reservation } = reads;
    reads.reservation = async (id) => {
      const found = await reservation(id);
      return found && { ...found, userId: '8' };
    };
  },
};

/** Serves one call on a fake of its own, after a change of it or of what is asked. */
async function serve(call: Endpoint, change: Change) {
  const fake = fakeApi();
  const [path, body] = paths[call.name] ?? [''];
  const ask: Ask = { path, headers: { ...bearer(7), 'Idempotency-Key': 'k', traceparent } };
  Object.assign(ask.headers, { 'X-Request-Id': requestId, 'Accept-Encoding': 'identity' });
  if (body !== undefined) {
    ask.headers['Content-Type'] = 'application/json';
    ask.body = JSON.stringify(body);
  }
  change(fake, ask);
  const server = createHttpServer(fake);
  const port = await server.listen(0, '127.0.0.1');
  return {
    fake,
    /** Sends the request and looks at the answer's head alone: streams do not end. */
    async send(): Promise<Seen> {
      const abort = new AbortController();
      const { status, headers } = await fetch(`http://127.0.0.1:${port}${ask.path}`, {
        method: call.method,
        headers: ask.headers,
        signal: abort.signal,
        ...(ask.body === undefined ? {} : { body: ask.body }),
      });
      abort.abort();
      expect(headers.get('x-request-id'), 'echoed').to.equal(requestId);
      return { status, headers: ownHeaders(headers) };
    },
    close: () => server.close(0),
  };
}

/** Sends the changed request, a command's twice: an answer that is repeated is seen both ways. */
async function see(call: Endpoint, change: Change = () => {}): Promise<Seen[]> {
  const { fake, send, close } = await serve(call, change);
  const seen = [await send()];
  if (call.positioned) seen.push(await send());
  if (call.positioned && seen[0]?.status === 200) {
    expect(fake.sales.contexts[0]).to.include({ traceparent, correlationId: requestId });
  }
  await close();
  return seen;
}

/** The answer to a request with the key of one that is still running. */
async function seeRunning(call: Endpoint): Promise<Seen[]> {
  let isRunning = false;
  const running = () => {
    isRunning = true;
    return new Promise(() => {});
  };
  const { send, close } = await serve(call, (fake) => onSales(fake, running));
  const first = send().catch(() => {});
  await eventually('the first one runs', () => isRunning);
  const seen = [await send()];
  await close();
  await first;
  return seen;
}

const refusing = (code: ProblemCode): Change => {
  const refusal = { code: code as RefusalCode, detail: 'x' };
  return (fake) => {
    onSales(fake, async () => ({ ok: false, refusal }));
  };
};

const large: Change = ({ reads }, { headers }) => {
  headers['Accept-Encoding'] = 'gzip';
  const list = async () => ({ body: Buffer.from(' '.repeat(2_000)), etag: '"large"' });
  Object.assign(reads, { concerts: list, sessions: list, seats: list });
};

const same: Change = (_house, { headers }) => {
  headers['If-None-Match'] = '*';
};

const waiting: Change = (_fake, ask) => {
  ask.path = '/concert/waiting/status?userId=waiting-1';
};

const cancelled: Change = (fake) => {
  Object.assign(fake, { seatFeed: new SeatFeed({ wasCancelled: () => true }) });
};

/** The answers that the call can be brought to give, of each status. */
async function walk(call: Endpoint): Promise<Seen[]> {
  const seen = await see(call);
  if (call.revalidates) seen.push(...(await see(call, large)), ...(await see(call, same)));
  if (call.answerType === 'text/event-stream') seen.push(...(await see(call, cancelled)));
  if (call.mayRetry) seen.push(...(await see(call, waiting)));
  for (const code of codesOf(call)) {
    if (code === 'request-running') seen.push(...(await seeRunning(call)));
    const change = provoke[code];
    if (change !== undefined) seen.push(...(await see(call, change)));
    if (call.positioned && isRepeated(code)) seen.push(...(await see(call, refusing(code))));
  }
  return seen;
}

describe('the headers of each call, as the OpenAPI document has them', () => {
  for (const call of endpoints) {
    it(`${call.method} ${call.path}`, async () => {
      const seen = await walk(call);
      const excused = noFailures[call.name] ?? [];
      const statuses = documentedStatuses(call.path, call.method);
      expect(statuses).to.include.members(seen.map(({ status }) => status));
      for (const status of statuses) {
        if (excused.includes(status)) continue;
        const answers = seen.filter((answer) => answer.status === status);
        expect(answers, `an answer ${status}`).to.not.deep.equal([]);
        const documented = documentedHeaders(call.path, call.method, status);
        for (const { name, isRequired } of documented) {
          const having = answers.filter(({ headers }) => headers.includes(name)).length;
          if (isRequired) expect(having, `${status} ${name}`).to.equal(answers.length);
          else expect(having, `${status} ${name}`).to.be.within(1, answers.length - 1);
        }
        const names = documented.map(({ name }) => name);
        for (const { headers } of answers) expect(names, `${status}`).to.include.members(headers);
      }
    });
  }
});
