import {
  type LogEvent,
  list,
  type Moment,
  momentOf,
  money,
  type Report,
  text,
  timeMs,
  Unreadable,
} from './finding.ts';

/** A seat in the event that put it on sale. */
export interface SeatOnSale {
  readonly seatId: string;
  readonly section: string;
  readonly row: string;
  readonly number: number;
  readonly price: number;
}

/** The seats of a SessionScheduled, in seat-map order. @throws Unreadable */
export function seatsOnSale(event: LogEvent): SeatOnSale[] {
  const seats: SeatOnSale[] = [];
  for (const part of list(event, 'sections')) {
    const section = text(part, 'section');
    const price = money(part, 'price');
    for (const line of list(part, 'rows')) {
      const row = text(line, 'row');
      const numbers = line.data.seats;
      if (!Array.isArray(numbers)) throw new Unreadable('seats is no list');
      for (const number of numbers as number[]) {
        seats.push({ seatId: `${section}-${row}-${number}`, section, row, number, price });
      }
    }
  }
  return seats;
}

interface Session {
  /** By seat id, like `190000 KRW`. */
  readonly prices: ReadonlyMap<string, string>;
  cancelledMs: number | undefined;
}

/** The catalog by the log: the price of every seat, and the cancelled sessions. */
export class Catalog {
  readonly #sessions = new Map<string, Session>();
  /** By the concert's stream: the faults of its current title or venue that no list can show. */
  readonly #wrongTexts = new Map<string, { readonly at: Moment; readonly why: string }>();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  /** Checks an event of a concert's stream. */
  see(event: LogEvent): void {
    if (event.type === 'ConcertRegistered' || event.type === 'ConcertRevised') {
      this.#details(event);
      return;
    }
    const sessionId = text(event, 'sessionId');
    const session = this.#sessions.get(sessionId);
    if (event.type === 'SessionScheduled' || event.type === 'SessionRescheduled') {
      for (const field of ['startsAt', 'salesOpenAt']) timeMs(event, field);
    }
    if (event.type === 'SessionScheduled') {
      if (session !== undefined) this.#report('wrong-session', event, `${sessionId} is scheduled`);
      const currency = text(event, 'currency');
      const seats = seatsOnSale(event);
      const prices = new Map(seats.map(({ seatId, price }) => [seatId, `${price} ${currency}`]));
      if (prices.size < seats.length) {
        this.#report('wrong-session', event, `${sessionId} has a seat twice`);
      }
      this.#sessions.set(sessionId, { prices, cancelledMs: undefined });
    } else if (session === undefined) {
      this.#report('wrong-session', event, `${sessionId} was never scheduled`);
    } else if (event.type === 'SessionCancelled') {
      session.cancelledMs ??= event.createdMs;
    } else if (event.type !== 'SessionRescheduled') {
      this.#report('unreadable', event, `${event.type} on a concert`);
    }
  }

  /** Called after the last event. A title that was corrected later is not a fault. */
  conclude(): void {
    for (const { at, why } of this.#wrongTexts.values()) {
      const cure = 'import the catalog with another one, which revises the concert';
      this.#report('wrong-title', at, `${why}: ${cure}`);
    }
  }

  #details(event: LogEvent): void {
    const why = ['title', 'venue'].flatMap((field) => {
      const value = field === 'title' ? event.data.title : (event.data.venue ?? '-');
      if (typeof value !== 'string') throw new Unreadable(`${field} is no text`);
      return whyNotShown(value).map((fault) => `the ${field} ${fault}`);
    });
    if (why.length === 0) this.#wrongTexts.delete(event.stream);
    else this.#wrongTexts.set(event.stream, { at: momentOf(event), why: why.join(', ') });
  }

  /** Like `190000 KRW`, or undefined for a seat that no session has. */
  price(sessionId: string, seatId: string): string | undefined {
    return this.#sessions.get(sessionId)?.prices.get(seatId);
  }

  /**
   * The time when a session was cancelled, in milliseconds since the epoch; undefined if it was
   * not.
   */
  cancelledMs(sessionId: string): number | undefined {
    return this.#sessions.get(sessionId)?.cancelledMs;
  }
}

/** The faults of a text that no list can show, or that PostgreSQL cannot store without a change. */
function whyNotShown(value: string): string[] {
  const faults: string[] = [];
  if (/^[\s\p{Z}\p{Cc}\p{Cf}]*$/u.test(value)) faults.push('is blank');
  if (value.includes('\0')) faults.push('has a NUL');
  if (/\p{Surrogate}/u.test(value)) faults.push('has half a character');
  return faults;
}
