import { roomOfConcert } from '../../events/check-concert.ts';
import type { StoredEvent } from '../../events/codec.ts';
import type { ConcertEvent } from '../../events/events.ts';
import { afterEvent, type RestoredLog } from '../../events/restored.ts';
import { parseStream } from '../../events/streams.ts';
import { EventStoreUnavailable } from '../core/event-store.ts';
import { type ConcertState, concertDecider, type Session, seatsOf } from './decider.ts';

/** The facts of a session that a reservation needs, without a query or a read of the log. */
export interface SessionOnSale {
  readonly concertId: string;
  readonly sessionId: string;
  /** The time of its event in the log, in milliseconds since the epoch, like the other times. */
  readonly scheduledMs: number;
  readonly startsAtMs: number;
  readonly salesOpenAtMs: number;
  readonly currency: string;
  readonly cancelled: boolean;
  /** Price by seat id. */
  readonly prices: ReadonlyMap<string, number>;
}

/** After this long without a subscription, the catalog is too old to sell. In milliseconds. */
const unfollowedMsMax = 3_000;

/** Every concert and seat map in memory. A subscription feeds it with the events of concerts. */
export class Catalog {
  /** The time since when it has no subscription, by `performance.now()`. */
  #unfollowedSinceMs: number | undefined;
  readonly #concerts = new Map<string, ConcertState>();
  readonly #onSale = new Map<string, SessionOnSale>();
  readonly #rooms = new Set<string>();
  #restored: RestoredLog | undefined;

  /** The restore of the log; undefined if it was never restored. */
  get restored(): RestoredLog | undefined {
    return this.#restored;
  }

  /** Is the sale closed after a restore? Then an operator must open it. */
  get isSaleClosed(): boolean {
    return this.#restored?.isOpen === false;
  }

  /** Takes the next concert event, in the log's order. Ignores other events. */
  apply(stored: StoredEvent): void {
    this.#restored = afterEvent(this.#restored, stored);
    const stream = parseStream(stored.stream);
    if (stream?.category !== 'concert') return;
    const event = stored as ConcertEvent;
    const before = this.#concerts.get(stream.concertId) ?? concertDecider.initial;
    const after = concertDecider.evolve(before, event);
    this.#concerts.set(stream.concertId, after);
    if (event.type === 'ConcertRegistered' || event.type === 'ConcertRevised') {
      const room = roomOfConcert(stream.concertId, event.data.waitingRoom);
      if (room !== undefined) this.#rooms.add(room);
      return;
    }
    const session = after.sessions.get(event.data.sessionId);
    if (session)
      this.#onSale.set(session.sessionId, this.#sale(stream.concertId, session, stored.createdMs));
  }

  /** Replaces its content by the content of another catalog. */
  becomeLike(other: Catalog): void {
    this.#concerts.clear();
    this.#onSale.clear();
    this.#rooms.clear();
    this.#restored = other.#restored;
    for (const [id, concert] of other.#concerts) this.#concerts.set(id, concert);
    for (const [id, session] of other.#onSale) this.#onSale.set(id, session);
    for (const room of other.#rooms) this.#rooms.add(room);
  }

  /** @param isFollowed does it have every change so far, and does it get each new one? */
  setFollowed(isFollowed: boolean): void {
    this.#unfollowedSinceMs = isFollowed
      ? undefined
      : (this.#unfollowedSinceMs ?? performance.now());
  }

  get isFollowed(): boolean {
    return this.#unfollowedSinceMs === undefined;
  }

  /**
   * Call it before each sale.
   * @throws EventStoreUnavailable if the catalog may be older than a few seconds
   */
  assertFresh(): void {
    if (this.#unfollowedSinceMs === undefined) return;
    const ms = performance.now() - this.#unfollowedSinceMs;
    if (ms <= unfollowedMsMax) return;
    const text = `what is on sale has not been followed for ${Math.round(ms / 1_000)} s`;
    throw new EventStoreUnavailable(text, undefined, { wroteNothing: true });
  }

  concert(concertId: string): ConcertState | undefined {
    return this.#concerts.get(concertId);
  }

  /** The room where the concert's buyers wait; '' for the line of the shop. */
  roomOf(concertId: string): string {
    const details = this.#concerts.get(concertId)?.details;
    return (details && roomOfConcert(concertId, details.waitingRoom)) ?? '';
  }

  /**
   * The rooms that concerts have or had. If a concert moves, users may still wait in its old room.
   */
  get rooms(): ReadonlySet<string> {
    return this.#rooms;
  }

  session(sessionId: string): SessionOnSale | undefined {
    return this.#onSale.get(sessionId);
  }

  /** Every session, in the order in which they were scheduled. */
  sessions(): IterableIterator<SessionOnSale> {
    return this.#onSale.values();
  }

  get concertCount(): number {
    return this.#concerts.size;
  }

  #sale(concertId: string, session: Session, changedMs: number): SessionOnSale {
    const { sessionId, currency } = session;
    const known = this.#onSale.get(sessionId);
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
