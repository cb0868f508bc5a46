import type { Audit } from './audit.ts';
import { holdMs, prices, refundCutoffMs, startsAt } from './sale.ts';
import { type Outcome, type Step, sessionId } from './world.ts';

interface Booking {
  readonly user: string;
  readonly seats: readonly string[];
  readonly price: number;
  readonly untilMs: number;
  /**
   * `over`: its time ended unpaid, and whether somebody gave it back after that is nobody's
   * business.
   */
  status: 'held' | 'sold' | 'cancelled' | 'refunded' | 'over';
}

/**
 * What buyers would expect: who has which seat and how much money is whose. Nothing of events,
 * streams or payments.
 */
export class Model {
  nowMs: number;
  readonly balances = new Map<string, number>();
  /** By the reservation's place in the world's list. */
  bookings: Booking[] = [];
  charges = new Map<string, number>();
  cancelled = false;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  clone(): Model {
    const copy = new Model(this.nowMs);
    for (const [user, balance] of this.balances) copy.balances.set(user, balance);
    copy.bookings = this.bookings.map((booking) => ({ ...booking }));
    copy.charges = new Map(this.charges);
    copy.cancelled = this.cancelled;
    return copy;
  }

  /**
   * Takes a step that ran to its end. @returns what must have been answered: a refusal's code,
   * `ok`, or nothing to say
   */
  take(step: Step): string | undefined {
    switch (step.do) {
      case 'reserve':
        return this.#reserve(step);
      case 'pay':
      case 'cancel': {
        const booking = this.bookings[step.nth % this.bookings.length];
        if (booking === undefined) return undefined;
        const user = step.user === 'owner' ? booking.user : step.user;
        if (booking.user !== user) return 'reservation-not-yours';
        // A seat of an order is neither paid nor given back by itself.
        if (step.part && booking.seats.length > 1) return 'reservation-not-found';
        return step.do === 'pay' ? this.#pay(user, booking) : this.#cancel(booking);
      }
      case 'charge': {
        const key = `${step.user} ${step.key}`;
        const before = this.charges.get(key);
        if (before !== undefined) return before === step.amount ? 'ok' : 'idempotency-key-reused';
        this.charges.set(key, step.amount);
        this.#move(step.user, step.amount);
        return 'ok';
      }
      case 'cancel-session':
        this.cancelled = true;
        for (const booking of this.bookings) this.#giveBack(booking);
        return undefined;
      case 'clock':
        this.nowMs += step.ms;
        return undefined;
      case 'sweep':
      case 'finish':
      case 'crash':
        return undefined;
    }
  }

  /**
   * Every seat that somebody has with who it is, and every balance, in words that two of them can
   * be compared by.
   */
  said(): string {
    const seats = this.bookings.flatMap((booking) =>
      this.#has(booking)
        ? booking.seats.map((seat) => `${seat} ${booking.status} ${booking.user}`)
        : [],
    );
    return say(seats, this.balances);
  }

  #reserve({ user, seats }: Extract<Step, { do: 'reserve' }>): string {
    if (this.cancelled) return 'session-cancelled';
    const takers = seats.map((seat) =>
      this.bookings.find((booking) => this.#has(booking) && booking.seats.includes(seat)),
    );
    const [first] = takers;
    const same =
      first?.status === 'held' &&
      first.user === user &&
      first.seats.length === seats.length &&
      takers.every((taker) => taker === first);
    if (same) return 'ok';
    if (takers.some((taker) => taker !== undefined)) return 'seat-taken';
    const price = seats.reduce((sum, seat) => sum + priceOf(seat), 0);
    this.bookings.push({ user, seats, price, untilMs: this.nowMs + holdMs, status: 'held' });
    return 'ok';
  }

  #pay(user: string, booking: Booking): string {
    const { status, price } = booking;
    if (status === 'sold') return 'ok';
    if (status === 'cancelled' || status === 'refunded') return 'already-released';
    if (status === 'over') return 'refused';
    if (!this.#has(booking)) return 'hold-expired';
    if ((this.balances.get(user) ?? 0) < price) return 'balance-too-small';
    this.#move(user, -price);
    booking.status = 'sold';
    return 'ok';
  }

  /** Again is answered as the first time, whoever has the seats by now. */
  #cancel(booking: Booking): string {
    const isLate = this.nowMs >= Date.parse(startsAt) - refundCutoffMs;
    if (booking.status === 'sold' && isLate) return 'refund-too-late';
    this.#giveBack(booking);
    // Over and not taken by anybody else yet: given back all the same, or refused as over.
    return booking.status === 'over' ? 'any' : 'ok';
  }

  #giveBack(booking: Booking): void {
    if (booking.status === 'sold') {
      this.#move(booking.user, booking.price);
      booking.status = 'refunded';
    } else if (booking.status === 'held') {
      booking.status = this.#has(booking) ? 'cancelled' : 'over';
    }
  }

  #has({ status, untilMs }: Booking): boolean {
    return status === 'sold' || (status === 'held' && this.nowMs < untilMs);
  }

  #move(user: string, by: number): void {
    this.balances.set(user, (this.balances.get(user) ?? 0) + by);
  }
}

/** The log, said as `Model.said` says it. */
export function saidByLog(audit: Audit, nowMs: number): string {
  const seats = [...audit.seats].flatMap(([name, seat]) => {
    const order = seat.orderId === undefined ? undefined : audit.orders.get(seat.orderId);
    const untilMs = order?.expiresAtMs ?? seat.expiresAtMs;
    const seatId = name.slice(sessionId.length + 1);
    if (seat.soldTo !== undefined) return [`${seatId} sold ${seat.userId}`];
    return nowMs < untilMs ? [`${seatId} held ${seat.userId}`] : [];
  });
  const balances = [...audit.accounts].map(([user, { balance }]) => [user, balance] as const);
  return say(seats, balances);
}

function say(seats: readonly string[], balances: Iterable<readonly [string, number]>): string {
  const money = [...balances].filter(([, balance]) => balance !== 0).map((pair) => pair.join(' '));
  return [...[...seats].sort(), ...money.sort()].join('; ');
}

/** Does an outcome say what the model says? */
export function agrees(expected: string | undefined, outcome: Outcome): boolean {
  if (expected === undefined || expected === 'any') return true;
  if (outcome === undefined) return false;
  if (expected === 'ok') return outcome.ok;
  return !outcome.ok && (expected === 'refused' || outcome.refusal.code === expected);
}

const priceOf = (seatId: string): number => prices[seatId.startsWith('A') ? 'A' : 'B'];
