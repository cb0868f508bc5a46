import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceProcess } from './service-process.ts';

/**
 * The acknowledged reservations and payments: reservation id → user id. None of them may ever be
 * lost.
 */
export interface Acknowledged {
  readonly reservations: Map<string, string>;
  readonly payments: Map<string, string>;
}

/** A call of a buyer, and its result. */
export interface BuyerAnswer {
  readonly call: 'queue' | 'seats' | 'reserve' | 'pay';
  /** The number of the service that got the call. */
  readonly service: number;
  /** Undefined without an answer. */
  readonly status: number | undefined;
  readonly code: string | undefined;
  /** A success, or a correct refusal, for example because another buyer was first. */
  readonly isGood: boolean;
  /** When the call was made, in milliseconds since the epoch. */
  readonly atMs: number;
  readonly tookMs: number;
}

export interface BuyerOptions {
  readonly services: readonly Pick<ServiceProcess, 'call' | 'reserve' | 'pay'>[];
  /** Concert and session ids. */
  readonly sessions: readonly (readonly [string, string])[];
  readonly buyers: number;
  /** What their ids begin with. Default `buyer`. */
  readonly name?: string;
  /** Between two steps of a journey, in milliseconds. Default 0. */
  readonly thinkMs?: number;
  /** After so many payment calls without an answer, the buyer begins a new journey. Default 1. */
  readonly paysMax?: number;
  /** A ledger of earlier answers to continue. */
  readonly acknowledged?: Acknowledged;
  readonly onAnswer?: (answer: BuyerAnswer) => void;
}

export interface Buyers {
  readonly acknowledged: Acknowledged;
  /** Resolves when the last call of each buyer has ended. */
  stop(): Promise<void>;
}

/**
 * The pause of a buyer who got no answer, in milliseconds. A killed service refuses at once, so
 * tries without a pause would only waste processor time.
 */
const afterFailureMs = 100;

/** Correct refusals: another buyer was first, the hold ended in an outage, or the token is old. */
const owed: ReadonlySet<string | undefined> = new Set([
  ...['seat-taken', 'hold-expired', 'too-many-seats', 'token-unknown', 'not-admitted'],
]);

interface Body {
  readonly code?: string;
  readonly token?: string;
  readonly reservationId?: string;
  readonly seatList?: readonly { readonly seatId: string; readonly isAvailable: boolean }[];
}

interface Answer {
  readonly status: number;
  readonly body: Body;
}

/**
 * Starts buyers. Until `stop`, each buyer repeats the journey: queue, seats, reservation, payment.
 * Each is a different user, from `<name>-1` on, and uses one of the services.
 */
export function startBuyers(options: BuyerOptions): Buyers {
  const { services, sessions, buyers, name = 'buyer', thinkMs = 0, paysMax = 1 } = options;
  const acknowledged = options.acknowledged ?? { reservations: new Map(), payments: new Map() };
  let stopped = false;

  /** Makes one call. The result is undefined if the answer is not good. */
  const ask = async (
    call: BuyerAnswer['call'],
    service: number,
    asked: () => Promise<Answer>,
  ): Promise<Answer | undefined> => {
    const [atMs, fromMs] = [Date.now(), performance.now()];
    const answer = await asked().catch(() => undefined);
    const tookMs = performance.now() - fromMs;
    const code = answer?.body.code;
    const isGood = answer?.status === 200 || owed.has(code ?? '');
    options.onAnswer?.({ call, service, status: answer?.status, code, isGood, atMs, tookMs });
    return isGood ? answer : undefined;
  };
  const think = () => (thinkMs > 0 ? delay(thinkMs) : undefined);

  /** @returns whether every call got a good answer */
  const journey = async (at: number, userId: string): Promise<boolean> => {
    const service = services[at] as BuyerOptions['services'][number];
    const place = await ask('queue', at, () =>
      service.call<Body>('GET', `/concert/waiting/status?userId=${userId}`),
    );
    const token = place?.body.token ?? '';
    const [concertId, sessionId] = pick(sessions) ?? ['', ''];
    await think();
    const path = `/concert/${concertId}/seat?sessionId=${sessionId}`;
    const seats = await ask('seats', at, () => service.call<Body>('GET', path));
    const seat = pick(seats?.body.seatList?.filter(({ isAvailable }) => isAvailable) ?? []);
    if (place === undefined || seats === undefined) return false;
    if (seat === undefined) return true;
    await think();
    const reserved = await ask('reserve', at, () =>
      service.reserve(userId, token, concertId, sessionId, seat.seatId),
    );
    const reservationId = reserved?.body.reservationId;
    if (reservationId === undefined) return reserved !== undefined;
    acknowledged.reservations.set(reservationId, userId);
    for (let pays = 0; pays < paysMax && !stopped; pays += 1) {
      await (pays === 0 ? think() : delay(afterFailureMs));
      const paid = await ask('pay', at, () => service.pay(userId, token, reservationId));
      if (paid === undefined) continue;
      if (paid.status === 200) acknowledged.payments.set(reservationId, userId);
      return true;
    }
    return false;
  };
  const buyer = async (at: number, userId: string) => {
    while (!stopped) {
      const isWell = await journey(at, userId);
      if (!isWell) await delay(afterFailureMs);
    }
  };
  const all = Promise.all(
    Array.from({ length: buyers }, (_, i) => buyer(i % services.length, `${name}-${i + 1}`)),
  );
  return {
    acknowledged,
    async stop() {
      stopped = true;
      await all;
    },
  };
}

const pick = <T>(from: readonly T[]): T | undefined =>
  from[Math.floor(Math.random() * from.length)];
