import type { StoredEvent } from '../events/codec.ts';
import type { LogFacts, Span } from './facts.ts';
import { placeIn } from './place-in.ts';

/** A payment that is not settled after this long counts as interrupted, in milliseconds. */
const halfWayMs = 5_000;
/** The largest number of interrupted payments that are listed. */
const listedMax = 50;

type Payments = LogFacts['payments'];
type Money = LogFacts['money'][number];
type Listed = Payments['listed'][number];

interface OpenPayment {
  readonly held: StoredEvent;
  readonly currency: string;
}

/** Payments that were under way in an incident, and all money that moved in it. */
export class PaymentsInTime {
  readonly #span: Span;
  readonly #open = new Map<string, OpenPayment>();
  /** The currencies of captured payments, because a refund does not contain its currency. */
  readonly #currencies = new Map<string, string>();
  readonly #money = new Map<string, Money>();
  readonly #listed: Listed[] = [];
  #newestMs = 0;
  #begun = 0;
  #leftHalfWay = 0;
  #longestMs = 0;
  #lastSettledMs = 0;

  constructor(span: Span) {
    this.#span = span;
  }

  see(event: StoredEvent): void {
    this.#newestMs = Math.max(this.#newestMs, event.createdMs);
    const { type, data } = event;
    if (type === 'BalanceCharged') {
      this.#add(event, data.currency, 'charged', data.amount);
    } else if (type === 'PaymentHeld') {
      this.#open.set(data.paymentId, { held: event, currency: data.currency });
      this.#add(event, data.currency, 'held', data.amount);
      if (this.#isInIncident(event.createdMs)) this.#begun += 1;
    } else if (type === 'PaymentCaptured' || type === 'PaymentReleased') {
      const open = this.#open.get(data.paymentId);
      this.#open.delete(data.paymentId);
      if (open === undefined) return;
      const outcome = type === 'PaymentCaptured' ? 'captured' : 'released';
      if (outcome === 'captured') this.#currencies.set(data.paymentId, open.currency);
      this.#add(event, open.currency, outcome, data.amount);
      this.#settled(data.paymentId, open, event, outcome);
    } else if (type === 'PaymentRefunded') {
      const currency = this.#currencies.get(data.paymentId);
      if (currency !== undefined) this.#add(event, currency, 'refunded', data.amount);
    }
  }

  #settled(
    paymentId: string,
    { held }: OpenPayment,
    event: StoredEvent,
    outcome: 'captured' | 'released',
  ): void {
    const ms = event.createdMs - held.createdMs;
    if (!this.#wasUnderWay(held.createdMs, event.createdMs) || ms < halfWayMs) return;
    this.#leftHalfWay += 1;
    this.#longestMs = Math.max(this.#longestMs, ms);
    this.#lastSettledMs = Math.max(this.#lastSettledMs, event.createdMs);
    this.#list({ paymentId, held, settledMs: event.createdMs, outcome, seconds: ms / 1_000 });
  }

  #list(one: {
    readonly paymentId: string;
    readonly held: StoredEvent;
    readonly settledMs: number | undefined;
    readonly outcome: Listed['outcome'];
    readonly seconds: number | null;
  }): void {
    if (this.#listed.length >= listedMax) return;
    const { paymentId, held, settledMs, outcome, seconds } = one;
    const settledAt = settledMs === undefined ? null : new Date(settledMs).toISOString();
    this.#listed.push({ ...placeIn(held), paymentId, settledAt, outcome, seconds });
  }

  #add({ createdMs }: StoredEvent, currency: string, what: keyof Money, amount: number): void {
    if (!this.#isInIncident(createdMs) || what === 'currency') return;
    const none = { currency, charged: 0, held: 0, captured: 0, released: 0, refunded: 0 };
    const sums = this.#money.get(currency) ?? none;
    this.#money.set(currency, { ...sums, [what]: sums[what] + amount });
  }

  #isInIncident(atMs: number): boolean {
    return atMs >= this.#span.beganMs && atMs <= this.#span.endedMs;
  }

  #wasUnderWay(fromMs: number, untilMs: number): boolean {
    return untilMs >= this.#span.beganMs && fromMs <= this.#span.endedMs;
  }

  conclude(): { readonly payments: Payments; readonly money: LogFacts['money'] } {
    let unsettled = 0;
    for (const [paymentId, { held }] of this.#open) {
      const isOld = this.#newestMs - held.createdMs >= halfWayMs;
      if (!this.#wasUnderWay(held.createdMs, this.#newestMs) || !isOld) continue;
      unsettled += 1;
      this.#list({ paymentId, held, settledMs: undefined, outcome: null, seconds: null });
    }
    const payments = {
      begun: this.#begun,
      leftHalfWay: this.#leftHalfWay + unsettled,
      unsettled,
      longestSeconds: this.#longestMs / 1_000,
      lastSettledAt: this.#lastSettledMs === 0 ? null : new Date(this.#lastSettledMs).toISOString(),
      listed: this.#listed,
    };
    return { payments, money: [...this.#money.values()] };
  }
}
