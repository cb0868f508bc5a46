import { setTimeout as delay } from 'node:timers/promises';
import type { Service } from '../../test/e2e/support/service.ts';
import { slowestMs, type Window } from './window.ts';

/**
 * Between two steps of a journey, in milliseconds: a drill shows what a fault does, not what the
 * machine can carry.
 */
const thinkMs = 60;

/** The number of attempts for a payment without an answer; then the buyer starts a new journey. */
const paysMax = 60;

/** The pause of a buyer who got no answer, in milliseconds. */
const afterFailureMs = 100;

/** Successful answers to buyers, by reservation id → user id: none of these facts may be lost. */
export interface Acknowledged {
  readonly reservations: Map<string, string>;
  readonly payments: Map<string, string>;
}

export interface Buyers {
  readonly acknowledged: Acknowledged;
  /** Records all answers from now on in `window`. */
  watch(window: Window | undefined): void;
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: {
    readonly code?: string;
    readonly token?: string;
    readonly reservationId?: string;
    readonly seatList?: readonly { readonly seatId: string; readonly isAvailable: boolean }[];
  };
}

/**
 * Correct refusals: another buyer was first, the hold ended during an outage, or the token is old.
 */
const owed = new Set([
  'seat-taken',
  'hold-expired',
  'too-many-seats',
  'token-unknown',
  'not-admitted',
]);

/**
 * Buyers who repeat the journey: queue, seats, reservation, payment. Each buyer is a different
 * user, at one of the services. A buyer repeats a payment until it has an answer.
 * @param acknowledged a ledger of earlier answers to continue
 */
export function startBuyers(
  services: readonly Service[],
  sessions: readonly (readonly [string, string])[],
  count: number,
  acknowledged: Acknowledged = { reservations: new Map(), payments: new Map() },
): Buyers {
  const stopping = new AbortController();
  let window: Window | undefined;

  /** Makes one call and records it in the window. @returns undefined when it was not successful */
  const ask = async (at: number, isWrite: boolean, call: () => Promise<Answer>) => {
    const seenBy = window;
    const fromMs = performance.now();
    const answer = await call().catch(() => undefined);
    const tookMs = performance.now() - fromMs;
    const code = answer?.body.code;
    const isGood = answer?.status === 200 || (code !== undefined && owed.has(code));
    const kind = isGood ? undefined : failureKind(answer);
    seenBy?.saw({ at, isWrite, kind, tookMs, late: tookMs > slowestMs });
    return isGood ? answer : undefined;
  };

  const journey = async (service: Service, at: number, userId: string): Promise<boolean> => {
    const place = await ask(at, false, () =>
      service.call('GET', `/concert/waiting/status?userId=${userId}`),
    );
    const token = place?.body.token ?? '';
    const [concertId, sessionId] = pick(sessions) ?? ['', ''];
    await delay(thinkMs);
    const path = `/concert/${concertId}/seat?sessionId=${sessionId}`;
    const seats = await ask(at, false, () => service.call('GET', path));
    const seat = pick(seats?.body.seatList?.filter(({ isAvailable }) => isAvailable) ?? []);
    if (place === undefined || seat === undefined) return false;
    await delay(thinkMs);
    const reserved = await ask(at, true, () =>
      service.reserve(userId, token, concertId, sessionId, seat.seatId),
    );
    const reservationId = reserved?.body.reservationId;
    if (reservationId === undefined) return reserved !== undefined;
    acknowledged.reservations.set(reservationId, userId);
    for (let pays = 0; pays < paysMax && !stopping.signal.aborted; pays += 1) {
      await delay(pays === 0 ? thinkMs : afterFailureMs);
      const paid = await ask(at, true, () => service.pay(userId, token, reservationId));
      if (paid === undefined) continue;
      if (paid.status === 200) acknowledged.payments.set(reservationId, userId);
      return true;
    }
    return false;
  };
  const buyer = async (at: number, userId: string) => {
    const service = services[at] as Service;
    while (!stopping.signal.aborted) {
      const went = await journey(service, at, userId).catch(() => false);
      await delay(went ? thinkMs : afterFailureMs);
    }
  };
  const all = Promise.all(
    Array.from({ length: count }, (_, i) => buyer(i % services.length, `buyer-${i + 1}`)),
  );
  return {
    acknowledged,
    watch: (next) => {
      window = next;
    },
    async stop() {
      stopping.abort();
      await all;
    },
  };
}

function failureKind(answer: Answer | undefined): string {
  if (answer === undefined) return 'no answer';
  const { status, body } = answer;
  return body.code === undefined ? `${status}` : `${status} ${body.code}`;
}

const pick = <T>(from: readonly T[]): T | undefined =>
  from[Math.floor(Math.random() * from.length)];
