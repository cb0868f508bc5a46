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

/** A seat as the log put it on sale. */
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

/** What the log says is on sale: the price of every seat, and which sessions were cancelled. */
export class Catalog {
  readonly #sessions = new Map<string, Session>();
  /** By concert's stream, what its title or venue has today that no list can show. */
  readonly #wrongTexts = new Map<string, { readonly at: Moment; readonly why: string }>();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  /** Takes an event of a concert's stream. */
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

  /** After the last event: what a later title put right is right. */
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

  /** When a session was cancelled, milliseconds since the epoch; undefined while it takes place. */
  cancelledMs(sessionId: string): number | undefined {
    return this.#sessions.get(sessionId)?.cancelledMs;
  }
}

/** What of a text no list can show, or PostgreSQL not keep as it is. */
function whyNotShown(value: string): string[] {
  const faults: string[] = [];
  if (/^[\s\p{Z}\p{Cc}\p{Cf}]*$/u.test(value)) faults.push('is blank');
  if (value.includes('\0')) faults.push('has a NUL');
  if (/\p{Surrogate}/u.test(value)) faults.push('has half a character');
  return faults;
}
