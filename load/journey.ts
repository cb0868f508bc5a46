/**
 * The k6 scenario of the load test in the original report, with its thresholds. A user waits in the
 * queue, reads the sessions and the seats of a random concert, reserves a random free seat, pays it
 * and reads the balance.
 *
 *   k6 run load/journey.ts
 *
 * `npm run load` starts a new service first and proves the result from the log.
 *
 * Environment:
 *   BASE_URL     the service                                      default http://127.0.0.1:3000
 *   VUS          virtual users; each repeats the journey          default 100
 *   DURATION     how long users start new journeys                default 10s
 *   CONCERTS     concerts are chosen from 1 to this number        default 10
 *   USERS        users are chosen from 1 to this number           default 10
 *   THINK_MS     milliseconds between two steps of a journey      default 0
 *   STEPS        on: also measures each step (needs some CPU)     default off
 *   RESULT_FILE  the file for the figures, as JSON                default none
 *
 * Another user may take the seat first. The answer 409 is correct then: it is counted separately
 * (`lost_races`). The journey ends there, and counts neither as completed nor as failed.
 */
import { check, sleep } from 'k6';
import http, { type RefinedParams, type RefinedResponse } from 'k6/http';
import { Counter, Trend } from 'k6/metrics';
import type { Options } from 'k6/options';
import { type StepName, stepNames } from './summary.ts';

export { handleSummary } from './summary.ts';

declare const __ENV: Readonly<Record<string, string | undefined>>;

const baseUrl = __ENV.BASE_URL || 'http://127.0.0.1:3000';
const concerts = Number(__ENV.CONCERTS || 10);
const users = Number(__ENV.USERS || 10);
const thinkSeconds = Number(__ENV.THINK_MS || 0) / 1_000;

export const options: Options = {
  vus: Number(__ENV.VUS || 100),
  duration: __ENV.DURATION || '10s',
  thresholds: {
    http_req_duration: ['avg<200', 'p(95)<300', 'max<500'],
    checks: ['rate>0.95'],
  },
  summaryTrendStats: ['avg', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
  // k6 shares the machine with the service. So it keeps a body only where the scenario reads it,
  // and does not group requests by URL (each id in a URL would make a time series of its own).
  discardResponseBodies: true,
  systemTags: ['check'],
};

const completed = new Counter('journeys_completed');
const lostRaces = new Counter('lost_races');
const soldOut = new Counter('sold_out');
const waits = new Counter('queue_waits');

const stepTimes =
  __ENV.STEPS === 'on'
    ? new Map(stepNames.map((name) => [name, new Trend(`step_${name}`, true)]))
    : undefined;

http.setResponseCallback(http.expectedStatuses(200));

/** The number of failures that each virtual user prints; further ones are only counted. */
const toldMax = 3;
let told = 0;

const readBody: RefinedParams<'text'> = { responseType: 'text' };
const okOrTaken = http.expectedStatuses(200, 409);

interface Place {
  readonly processing: boolean;
  readonly token: string;
  readonly retryAfterMs: number;
}

export default function journey(): void {
  const concertId = 1 + Math.floor(Math.random() * concerts);
  const userId = 1 + Math.floor(Math.random() * users);

  const token = waitInQueue(userId);
  if (token === undefined) return;

  const sessions = get('sessions', `/concert/${concertId}/session`, 'sessions: 200');
  if (sessions === undefined) return;
  const session = pickObject<{ sessionId: string }>(sessions, () => true);
  if (session === undefined) {
    soldOut.add(1);
    return;
  }

  const { sessionId } = session;
  const seatsPath = `/concert/${concertId}/seat?sessionId=${sessionId}`;
  const seats = get('seats', seatsPath, 'seats: 200');
  if (seats === undefined) return;
  const seat = pickObject<{ seatId: string; isAvailable: boolean }>(seats, isAvailable);
  if (seat === undefined) {
    soldOut.add(1);
    return;
  }

  const headers = { 'Content-Type': 'application/json', AuthorizationWaiting: `Bearer ${token}` };
  const reservation = http.post(
    `${baseUrl}/concert/reservation`,
    JSON.stringify({ concertId, sessionId, seatId: seat.seatId, userId }),
    { headers, responseType: 'text', responseCallback: okOrTaken },
  );
  if (reservation.status === 409) {
    lostRaces.add(1);
    return;
  }
  if (!done('reserve', reservation, 'reserve: 200')) return;
  const { reservationId } = JSON.parse(reservation.body) as { reservationId: string };

  const payment = http.post(
    `${baseUrl}/concert/payment`,
    JSON.stringify({ userId, reservationId }),
    { headers },
  );
  if (!done('pay', payment, 'pay: 200')) return;

  const balance = http.get(`${baseUrl}/concert/balance?userId=${userId}`);
  if (done('balance', balance, 'balance: 200')) completed.add(1);
}

/**
 * Polls as often as the server says until the user is admitted. The token, or undefined after a
 * failure.
 */
function waitInQueue(userId: number): string | undefined {
  for (;;) {
    const body = get('queue', `/concert/waiting/status?userId=${userId}`, 'queue: 200');
    if (body === undefined) return undefined;
    const place = JSON.parse(body) as Place;
    if (place.processing) return place.token;
    waits.add(1);
    sleep(place.retryAfterMs / 1_000);
  }
}

/** The body of a 200; otherwise undefined. */
function get(step: StepName, path: string, name: string): string | undefined {
  const response = http.get(`${baseUrl}${path}`, readBody);
  return done(step, response, name) ? (response.body ?? undefined) : undefined;
}

function done(step: StepName, response: RefinedResponse<'text' | 'none'>, name: string): boolean {
  stepTimes?.get(step)?.add(response.timings.duration);
  const ok = check(response, { [name]: ({ status }) => status === 200 });
  if (!ok && ++told <= toldMax) {
    console.error(`${name} expected, got ${response.status} ${response.body ?? ''}`);
  }
  if (thinkSeconds > 0) sleep(thinkSeconds);
  return ok;
}

const isAvailable = (seat: { isAvailable: boolean }): boolean => seat.isAvailable;

/** Attempts at random places of a list, before the whole list is read. */
const probesMax = 8;

/**
 * A random object that meets the condition, from a list of flat objects in a JSON text. It parses
 * only the object at a random place of the text: parsing whole lists would cost k6 more than
 * everything else it does.
 */
function pickObject<T>(text: string, suits: (object: T) => boolean): T | undefined {
  const first = text.indexOf('[');
  for (let probe = 0; probe < probesMax; probe += 1) {
    const at = text.indexOf('{', first + Math.floor(Math.random() * (text.length - first)));
    const begin = at < 0 ? text.indexOf('{', first) : at;
    if (begin < 0) return undefined;
    const object = JSON.parse(text.slice(begin, text.indexOf('}', begin) + 1)) as T;
    if (suits(object)) return object;
  }
  const list = JSON.parse(text.slice(first, text.lastIndexOf(']') + 1)) as T[];
  const suitable = list.filter(suits);
  return suitable[Math.floor(Math.random() * suitable.length)];
}
