import type { Catalog } from './catalog-proof.ts';
import {
  type LogEvent,
  type Moment,
  momentOf,
  money,
  optionalText,
  type Purchase,
  type Report,
  text,
  timeMs,
} from './finding.ts';
import type { HoldOfSeat, Order, Orders } from './order-proof.ts';

/** A hold of a seat, from its SeatReserved on. */
interface Hold extends Purchase {
  /** The order that the hold belongs to, if any. Then the buyer buys the order. */
  readonly orderId: string | undefined;
  readonly expiresAtMs: number;
  readonly reserved: Moment;
}

interface Seat {
  turns: number;
  /** The current hold or sale of the seat. */
  current: Hold | undefined;
}

/** The parts of the other proofs that seats need. */
export interface SeatParts {
  readonly catalog: Catalog;
  readonly orders: Orders;
  readonly purchases: Map<string, Purchase>;
  /** The epoch of a restored log; undefined in a log that was never restored. */
  readonly epoch: () => string | undefined;
  /** Called for each sale, to check the payment. */
  readonly onSold: (sale: Purchase, paymentId: string, event: LogEvent) => void;
  readonly report: Report;
}

/** The holder and the owner of each seat, computed from the streams of the seats. */
export class Seats {
  readonly #seats = new Map<string, Seat>();
  /** By session, the time when a seat was last given back, in milliseconds since the epoch. */
  readonly #givenBackMs = new Map<string, number>();
  readonly #parts: SeatParts;
  readonly #report: Report;
  /** The number of all holds so far. */
  reservations = 0;

  constructor(parts: SeatParts) {
    this.#parts = parts;
    this.#report = parts.report;
  }

  get count(): number {
    return this.#seats.size;
  }

  get sold(): number {
    let count = 0;
    for (const seat of this.#seats.values()) if (seat.current?.soldTo !== undefined) count += 1;
    return count;
  }

  /** The current hold or sale of a seat, if any. */
  holdOf(sessionId: string, seatId: string): HoldOfSeat | undefined {
    return this.#seats.get(`seat-${sessionId}/${seatId}`)?.current;
  }

  /** The streams of holds that are not finished. They become wrong if nobody ends them in time. */
  *unfinished(): Iterable<string> {
    for (const [stream, { current }] of this.#seats) {
      if (current === undefined) continue;
      const isCancelled =
        this.#parts.catalog.cancelledMs(sessionOf(current.reserved)) !== undefined;
      if (current.soldTo === undefined || isCancelled) yield stream;
    }
  }

  /** Checks an event of a seat's stream. */
  see(event: LogEvent): void {
    let seat = this.#seats.get(event.stream);
    if (seat === undefined) {
      seat = { turns: 0, current: undefined };
      this.#seats.set(event.stream, seat);
    }
    const id = text(event, 'reservationId');
    if (event.type === 'SeatReserved') this.#reserved(seat, id, event);
    else if (event.type === 'SeatSold') this.#sold(seat, id, event);
    else if (event.type === 'SeatReleased') this.#released(seat, id, event);
    else this.#report('unreadable', event, `${event.type} on a seat`);
  }

  /**
   * Called after the last event. Every hold must be sold, released, or recently ended, and seats
   * must have followed their orders.
   */
  conclude(beforeMs: number): void {
    for (const { current } of this.#seats.values()) {
      if (current === undefined) continue;
      const code = this.#overdue(current, beforeMs);
      if (code !== undefined) this.#report(code, current.reserved, `${current.id} keeps the seat`);
    }
  }

  #overdue(hold: Hold, beforeMs: number) {
    const order = this.#orderOf(hold);
    const sessionId = sessionOf(hold.reserved);
    const cancelledMs = this.#parts.catalog.cancelledMs(sessionId);
    if (cancelledMs !== undefined) {
      // It takes long to give back a large hall. While it continues, this is not a fault.
      const lately = Math.max(cancelledMs, this.#givenBackMs.get(sessionId) ?? 0);
      if (Math.max(lately, hold.reserved.createdMs) <= beforeMs) return 'kept-after-cancel';
    }
    if (order?.status === 'paid' || order?.status === 'ended') {
      const decidedMs = Math.max(order.decided?.createdMs ?? 0, hold.reserved.createdMs);
      if (decidedMs > beforeMs) return undefined;
      if (order.status === 'ended') return 'lost-release';
      return hold.soldTo === undefined ? 'lost-sale' : undefined;
    }
    return hold.soldTo === undefined && hold.expiresAtMs <= beforeMs ? 'lost-release' : undefined;
  }

  #reserved(seat: Seat, id: string, event: LogEvent): void {
    const { current } = seat;
    if (current !== undefined) {
      const taken = current.soldTo === undefined ? 'held' : 'owned';
      this.#report('double-reservation', event, `${id} while ${current.id} ${taken} the seat`);
    }
    seat.turns += 1;
    this.reservations += 1;
    const [sessionId = '', seatId = ''] = event.stream.slice('seat-'.length).split('/');
    const expected = this.#idOf(`${sessionId}.${seatId}.${seat.turns}`, id, event);
    if (id !== expected) this.#report('wrong-reservation-id', event, `${id}, not ${expected}`);

    const hold: Hold = {
      id,
      userId: text(event, 'userId'),
      price: money(event, 'price'),
      currency: text(event, 'currency'),
      expiresAtMs: timeMs(event, 'expiresAt'),
      orderId: optionalText(event, 'orderId'),
      reserved: momentOf(event),
      soldTo: undefined,
      returned: undefined,
    };
    const asked = `${hold.price} ${hold.currency}`;
    const listed = this.#parts.catalog.price(sessionId, seatId) ?? 'no such seat';
    if (asked !== listed) this.#report('wrong-price', event, `${id}: ${asked}, listed: ${listed}`);
    seat.current = hold;
    if (hold.orderId === undefined) {
      this.#parts.purchases.set(id, hold);
      return;
    }
    const order = this.#parts.orders.get(hold.orderId);
    const own = order?.sessionId === sessionId && order.userId === hold.userId;
    if (!own || !order.seatIds.includes(seatId)) {
      this.#report('wrong-order', event, `${id} is no seat of its order ${hold.orderId}`);
    }
  }

  /**
   * The id of a hold. A restored log adds its epoch, so that an id that was lost in the restore is
   * not used again. Restored reservations keep their ids.
   */
  #idOf(turn: string, id: string, { isRestored }: LogEvent): string {
    const suffix = id.startsWith(turn) ? id.slice(turn.length) : '';
    if (isRestored) return /^-[0-9a-f]{8}$/.test(suffix) ? id : turn;
    const epoch = this.#parts.epoch();
    return epoch === undefined ? turn : `${turn}-${epoch.slice(0, 8)}`;
  }

  #sold(seat: Seat, id: string, event: LogEvent): void {
    const paymentId = text(event, 'paymentId');
    const userId = text(event, 'userId');
    const { current } = seat;
    if (current?.soldTo !== undefined) {
      const first = `${current.id} by ${current.soldTo}`;
      this.#report('double-sale', event, `sold to ${id} by ${paymentId} after ${first}`);
      return;
    }
    if (current === undefined || current.id !== id || current.userId !== userId) {
      const holder = current === undefined ? 'nobody' : `${current.id} of user ${current.userId}`;
      this.#report('sale-without-reservation', event, `${id} of user ${userId}; held: ${holder}`);
      return;
    }
    current.soldTo = paymentId;
    if (current.orderId === undefined) {
      this.#parts.onSold(current, paymentId, event);
    } else if (this.#parts.orders.get(current.orderId)?.soldTo !== paymentId) {
      const detail = `the order ${current.orderId} is not paid by ${paymentId}`;
      this.#report('unpaid-sale', event, detail);
    }
  }

  #released(seat: Seat, id: string, event: LogEvent): void {
    const { current } = seat;
    const reason = text(event, 'reason');
    const userId = text(event, 'userId');
    if (current === undefined || current.id !== id || current.userId !== userId) {
      this.#report('wrong-release', event, `${id} of user ${userId} did not hold the seat`);
      return;
    }
    const due = reasonsDue(current, this.#orderOf(current));
    const paymentId = optionalText(event, 'paymentId') ?? current.soldTo;
    if (!due.includes(reason) || paymentId !== current.soldTo) {
      const found = current.soldTo === undefined ? 'held' : `sold to ${current.soldTo}`;
      const detail = `${id} is ${found}, released as ${reason}; right would be: ${due.join(', ') || 'nothing'}`;
      this.#report('wrong-release', event, detail);
      return;
    }
    if (current.soldTo !== undefined) current.returned = momentOf(event);
    this.#givenBackMs.set(sessionOf(event), event.createdMs);
    seat.current = undefined;
  }

  #orderOf({ orderId }: Hold): Order | undefined {
    return orderId === undefined ? undefined : this.#parts.orders.get(orderId);
  }
}

/**
 * The reasons for which a seat may be given back now. A seat of an order needs the reason of the
 * order's end, and only after that end.
 */
function reasonsDue(hold: Hold, order: Order | undefined): readonly string[] {
  const sold = hold.soldTo !== undefined;
  if (hold.orderId === undefined) return sold ? ['refunded'] : ['expired', 'cancelled'];
  if (order?.status !== 'ended') return [];
  // The order was paid and refunded before this seat was sold.
  if (order.reason === 'refunded' && !sold) return ['cancelled'];
  return order.reason === undefined ? [] : [order.reason];
}

const sessionOf = ({ stream }: Moment): string => stream.slice('seat-'.length, stream.indexOf('/'));
