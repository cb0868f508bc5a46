import type { StoredEvent } from '../../events/codec.ts';
import type { ConcertEvent } from '../../events/events.ts';
import { parseStream } from '../../events/streams.ts';
import { type ConcertState, concertDecider, type Session, seatsOf } from './concert.ts';

/** What a reservation needs to know of a session: no query, no read of the log. */
export interface SessionOnSale {
  readonly concertId: string;
  readonly sessionId: string;
  /** When the log took it, in milliseconds since the epoch; so are the other times. */
  readonly scheduledMs: number;
  readonly startsAtMs: number;
  readonly salesOpenAtMs: number;
  readonly currency: string;
  readonly cancelled: boolean;
  /** Price by seat id. */
  readonly prices: ReadonlyMap<string, number>;
}

/** Every concert and seat map in memory; it changes by concert events only, fed by a subscription to them. */
export class Catalog {
  private readonly concerts = new Map<string, ConcertState>();
  private readonly onSale = new Map<string, SessionOnSale>();

  /** Takes the next concert event, in the log's order. Other events are none of its business. */
  apply(stored: StoredEvent): void {
    const stream = parseStream(stored.stream);
    if (stream?.category !== 'concert') return;
    const event = stored as unknown as ConcertEvent;
    const before = this.concerts.get(stream.concertId) ?? concertDecider.initial;
    const after = concertDecider.evolve(before, event);
    this.concerts.set(stream.concertId, after);
    if (event.type === 'ConcertRegistered' || event.type === 'ConcertRevised') return;
    const session = after.sessions.get(event.data.sessionId);
    if (session)
      this.onSale.set(session.sessionId, this.sale(stream.concertId, session, stored.createdMs));
  }

  concert(concertId: string): ConcertState | undefined {
    return this.concerts.get(concertId);
  }

  session(sessionId: string): SessionOnSale | undefined {
    return this.onSale.get(sessionId);
  }

  /** Every session, in the order in which they were scheduled. */
  sessions(): IterableIterator<SessionOnSale> {
    return this.onSale.values();
  }

  get concertCount(): number {
    return this.concerts.size;
  }

  private sale(concertId: string, session: Session, changedMs: number): SessionOnSale {
    const { sessionId, currency } = session;
    const known = this.onSale.get(sessionId);
    const prices = known?.prices ?? priceList(session);
    const scheduledMs = known?.scheduledMs ?? changedMs;
    const startsAtMs = Date.parse(session.startsAt);
    const salesOpenAtMs = Date.parse(session.salesOpenAt);
    const cancelled = session.cancelled === true;
    const times = { scheduledMs, startsAtMs, salesOpenAtMs };
    return { concertId, sessionId, ...times, currency, cancelled, prices };
  }
}

function priceList(session: Session): ReadonlyMap<string, number> {
  const prices = new Map<string, number>();
  for (const { seatId, price } of seatsOf(session.sections)) prices.set(seatId, price);
  return prices;
}
