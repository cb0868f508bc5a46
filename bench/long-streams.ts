/**
 * Measures the cost of the longest streams after a restart: an account with 1,000,000 recent
 * charges, and a seat that was held 100,000 times. The service runs in its own process with an
 * embedded event store. It restarts for each round. Other users charge their accounts and read
 * their balances all the time. In every second round, calls also use the long streams.
 *
 *   npm run bench:long-streams [charges] [holds] [rounds]
 *
 * Without arguments: 1,000,000 charges, 100,000 holds, 5 rounds.
 */
import './support/help.ts';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { accountDecider } from '../src/commands/account/decider.ts';
import type { EventStore, NewEvent } from '../src/commands/core/event-store.ts';
import type { AccountEvent, DomainEvent, SeatEvent } from '../src/events/events.ts';
import { accountStream, seatStream } from '../src/events/streams.ts';
import { connectEventStore } from '../src/infrastructure/eventstoredb.ts';
import { Service } from '../test/e2e/support/service.ts';
import { testEventStore } from '../test/support/servers.ts';
import { median, quantile } from './support/measure.ts';

const chargesWanted = Number(process.argv[2] ?? 1_000_000);
const holdsWanted = Number(process.argv[3] ?? 100_000);
const rounds = Number(process.argv[4] ?? 5);

const currency = 'KRW';
const user = 'long';
/** The calls of other users: their number per second, and the number of users. */
const callsPerSecond = 100;
const others = 50;
/**
 * The time for which the calls of other users are measured. The calls on the long streams come at
 * its start.
 */
const watchedMs = 4_000;
/** The time for which the service answers other users before that. */
const warmMs = 3_000;
/**
 * The longest time until the read models have all events of the new log. A longer time is a fault.
 */
const followMsMax = 1_800_000;

/** The bounds, in milliseconds. */
const firstAnswerMsMax = 1_000;
const othersP99MsMax = 100;

async function main(): Promise<boolean> {
  const server = await testEventStore();
  let service: Service | undefined;
  try {
    service = await Service.start({ EVENTSTORE_URL: server.url, DEMO: 'on' });
    await untilFollowed(service);
    const seat = await seatOf(service);
    const store = connectEventStore(server.url);
    const fromMs = performance.now();
    await fillAccount(store);
    await fillSeat(store, seat);
    await store.close();
    console.log(`filled in ${seconds(performance.now() - fromMs)} s`);
    await untilFollowed(service);
    return await measure(service, seat);
  } finally {
    await service?.remove();
    await server.stop();
  }
}

async function measure(service: Service, seat: Seat): Promise<boolean> {
  const first: Record<string, number[]> = { reserve: [], charge: [], pay: [] };
  const p99: Record<'with' | 'without', number[]> = { with: [], without: [] };
  for (let round = 0; round < rounds * 2; round++) {
    const asked = round % 2 === 1;
    await service.terminate();
    await service.start();
    await untilFollowed(service);
    const load = othersOn(service, round);
    await sleep(warmMs);
    load.reset();
    const fromMs = performance.now();
    if (asked) await askForLongStreams(service, { seat, round, first });
    await sleep(Math.max(0, watchedMs - (performance.now() - fromMs)));
    const times = await load.stop();
    p99[asked ? 'with' : 'without'].push(quantile(times, 0.99));
    const which = asked ? 'with   ' : 'without';
    const most = Math.max(...times).toFixed(0);
    console.log(
      `${which} ${times.length} calls of others: p99 ${quantile(times, 0.99).toFixed(1)} ms, most ${most} ms`,
    );
  }
  let kept = true;
  for (const [what, times] of Object.entries(first)) {
    if (times.length === 0) continue;
    kept &&= Math.max(...times) <= firstAnswerMsMax;
    console.log(
      `first ${what.padEnd(8)} after a restart, ms: ${times.map((ms) => ms.toFixed(0)).join(' ')}`,
    );
  }
  const [withMs, withoutMs] = [median(p99.with), median(p99.without)];
  console.log(
    `others' p99, median: ${withMs.toFixed(1)} ms with, ${withoutMs.toFixed(1)} ms without: × ${(withMs / withoutMs).toFixed(2)}`,
  );
  return kept && withMs <= othersP99MsMax;
}

interface Asked {
  readonly seat: Seat;
  readonly round: number;
  readonly first: Record<string, number[]>;
}

/** The first call on the seat, and on the account: a charge in one round, a payment in the next. */
async function askForLongStreams(service: Service, { seat, round, first }: Asked): Promise<void> {
  const token = await admitted(service);
  const headers = { AuthorizationWaiting: `Bearer ${token}` };
  type Called = { status: number; body: Record<string, unknown> };
  const timed = async (what: string, call: () => Promise<Called>, isFirst = true) => {
    const fromMs = performance.now();
    const { status, body } = await call();
    if (status !== 200) throw new Error(`${what}: ${status} ${JSON.stringify(body)}`);
    if (isFirst) first[what]?.push(performance.now() - fromMs);
    return body;
  };
  const { concertId, sessionId, seatId } = seat;
  const chargeFirst = round % 4 === 1;
  const charge = () =>
    service.call('POST', '/concert/balance', {
      body: { userId: user, amount: 1 },
      headers: { ...headers, 'Idempotency-Key': `round-${round}` },
    });
  if (chargeFirst) await timed('charge', charge);
  const reserve = { concertId, sessionId, seatId, userId: user };
  const held = await timed('reserve', () =>
    service.call('POST', '/concert/reservation', { body: reserve, headers }),
  );
  if (!chargeFirst) {
    const body = { userId: user, reservationId: held.reservationId };
    await timed('pay', () => service.call('POST', '/concert/payment', { body, headers }));
  }
  const path = `/concert/reservation/${held.reservationId}?userId=${user}`;
  await timed('cancel', () => service.call('DELETE', path, { headers }), false);
}

async function admitted(service: Service): Promise<string> {
  for (;;) {
    const { body } = await service.call('GET', `/concert/waiting/status?userId=${user}`);
    if (body.processing === true) return String(body.token);
    await sleep(50);
  }
}

/**
 * The calls of other users. They begin at a constant rate, even if earlier calls have no answer
 * yet.
 */
function othersOn(service: Service, round: number) {
  let times: number[] = [];
  let calls = 0;
  const underWay = new Set<Promise<void>>();
  const call = async () => {
    const n = calls++;
    const userId = `other-${n % others}`;
    const fromMs = performance.now();
    const { status, body } =
      n % 2 === 0
        ? await service.call('POST', '/concert/balance', {
            body: { userId, amount: 1 },
            headers: { 'Idempotency-Key': `${round}-${n}` },
          })
        : await service.call('GET', `/concert/waiting/status?userId=${userId}`);
    if (status !== 200) throw new Error(`others: ${status} ${JSON.stringify(body)}`);
    times.push(performance.now() - fromMs);
  };
  const timer = setInterval(() => {
    const one = call().finally(() => underWay.delete(one));
    underWay.add(one);
  }, 1_000 / callsPerSecond);
  return {
    reset: () => {
      times = [];
    },
    stop: async (): Promise<number[]> => {
      clearInterval(timer);
      await Promise.all(underWay);
      return times;
    },
  };
}

interface Seat {
  readonly concertId: string;
  readonly sessionId: string;
  readonly seatId: string;
  readonly price: number;
}

async function seatOf(service: Service): Promise<Seat> {
  const concertId = '1';
  type Sessions = readonly { sessionId: string }[];
  const sessions = await service.call<Sessions>('GET', `/concert/${concertId}/session`);
  const sessionId = String(sessions.body[0]?.sessionId);
  type Seats = { seatList: readonly { seatId: string; price: number }[] };
  const path = `/concert/${concertId}/seat?sessionId=${sessionId}`;
  const seats = await service.call<Seats>('GET', path);
  const [seat] = seats.body.seatList;
  if (seat === undefined) throw new Error('the demo has no seats');
  return { concertId, sessionId, ...seat };
}

/**
 * The events in the form in which the command handler writes them. Each append has 500 charges of
 * the last day, and the events that summarise them.
 */
async function fillAccount(store: EventStore): Promise<void> {
  const { decide, evolve, snapshot } = accountDecider;
  const startMs = Date.now() - 86_000_000;
  let state = accountDecider.initial;
  let batch: DomainEvent[] = [];
  const writer = writerOn(store, accountStream(user));
  const add = (event: AccountEvent) => {
    state = evolve(state, event);
    batch.push(event);
  };
  for (let n = 1; n <= chargesWanted; n++) {
    const chargeId = randomUUID().replaceAll('-', '');
    const nowMs = startMs + Math.floor((n / chargesWanted) * 86_000_000);
    const amount = 1_000;
    const decision = decide({ type: 'ChargeBalance', chargeId, amount, currency, nowMs }, state);
    if (!decision.ok) throw new Error(decision.refusal.detail);
    decision.events.forEach(add);
    if (n % snapshot.everyEvents !== 0) continue;
    snapshot.of(state).forEach(add);
    await writer(batch);
    batch = [];
  }
  if (batch.length > 0) await writer(batch);
}

/** Each hold has ended. */
async function fillSeat(store: EventStore, { sessionId, seatId, price }: Seat): Promise<void> {
  const writer = writerOn(store, seatStream(sessionId, seatId));
  let batch: SeatEvent[] = [];
  for (let n = 1; n <= holdsWanted; n++) {
    const hold = {
      reservationId: `${sessionId}.${seatId}.${n}`,
      userId: `other-${n % others}`,
      currency,
    };
    const expiresAt = new Date(Date.now() - 60_000).toISOString();
    batch.push({ type: 'SeatReserved', data: { ...hold, price, expiresAt } });
    batch.push({ type: 'SeatReleased', data: { ...hold, reason: 'expired' } });
    if (batch.length < 1_000 && n < holdsWanted) continue;
    await writer(batch);
    batch = [];
  }
}

/** Appends to a new stream. */
function writerOn(store: EventStore, stream: string) {
  let written = 0;
  return async (events: readonly DomainEvent[]): Promise<void> => {
    const expected = written === 0 ? 'no_stream' : BigInt(written - 1);
    const sent: NewEvent[] = events.map((event) => ({
      id: randomUUID(),
      event,
      metadata: { schemaVersion: 1, command: 'fill', commandId: 'fill' },
    }));
    const appended = await store.append(stream, expected, sent);
    if (!appended.ok) throw new Error('somebody else writes to this log');
    written += events.length;
  };
}

interface Ready {
  readonly projection: { readonly state: string };
}

async function untilFollowed(service: Service): Promise<void> {
  for (const endMs = Date.now() + followMsMax; Date.now() < endMs; await sleep(200)) {
    const { status, body } = await service.readyz<Ready>();
    if (status === 200 && body.projection.state === 'live') return;
  }
  throw new Error('the read models do not follow the log');
}

const seconds = (ms: number) => (ms / 1_000).toFixed(0);

process.exitCode = (await main()) ? 0 : 1;
