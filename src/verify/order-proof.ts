import type { Catalog } from './catalog-proof.ts';
import {
  type LogEvent,
  list,
  type Moment,
  momentOf,
  money,
  type Purchase,
  type Report,
  text,
  timeMs,
} from './finding.ts';

/** Several seats that are reserved and paid together. */
export interface Order extends Purchase {
  readonly sessionId: string;
  readonly seatIds: readonly string[];
  readonly expiresAtMs: number;
  readonly placed: Moment;
  status: 'placed' | 'confirmed' | 'paid' | 'ended';
  /** Why it ended. */
  reason: string | undefined;
  /** The event that paid or ended it. */
  decided: Moment | undefined;
  settled: boolean;
}

/** The parts of the other proofs that orders need. */
export interface OrderParts {
  readonly catalog: Catalog;
  readonly purchases: Map<string, Purchase>;
  /** Called for each sale, to check the payment. */
  readonly onSold: (sale: Purchase, paymentId: string, event: LogEvent) => void;
  /** The current hold of a seat. */
  readonly holdOf: (sessionId: string, seatId: string) => HoldOfSeat | undefined;
  /** The status of a user's payment. */
  readonly paymentStatus: (userId: string, paymentId: string) => string | undefined;
  readonly report: Report;
}

export interface HoldOfSeat {
  readonly orderId: string | undefined;
  readonly soldTo: string | undefined;
  readonly reserved: Moment;
}

/**
 * The state of each order, computed from the streams of the orders. The checks of seats and
 * payments use it.
 */
export class Orders {
  readonly #orders = new Map<string, Order>();
  readonly #parts: OrderParts;
  readonly #report: Report;

  constructor(parts: OrderParts) {
    this.#parts = parts;
    this.#report = parts.report;
  }

  get(orderId: string): Order | undefined {
    return this.#orders.get(orderId);
  }

  get count(): number {
    return this.#orders.size;
  }

  /** The streams of orders that are not finished. */
  *unfinished(): Iterable<string> {
    for (const [orderId, { settled }] of this.#orders) if (!settled) yield `order-${orderId}`;
  }

  /** Checks an event of an order's stream. */
  see(event: LogEvent): void {
    const orderId = event.stream.slice('order-'.length);
    const order = this.#orders.get(orderId);
    if (event.type === 'OrderPlaced') this.#placed(orderId, order, event);
    else if (order === undefined) this.#report('wrong-order', event, `${event.type}, not placed`);
    else if (event.type === 'OrderConfirmed') this.#confirmed(orderId, order, event);
    else if (event.type === 'OrderPaid') this.#paid(orderId, order, event);
    else if (event.type === 'OrderEnded') this.#ended(order, event);
    else if (event.type === 'OrderSettled') this.#settled(orderId, order, event);
    else this.#report('unreadable', event, `${event.type} on an order`);
  }

  /**
   * Called after the last event. Each placed order must be confirmed or ended, and each paid or
   * ended order must be settled.
   */
  conclude(beforeMs: number): void {
    for (const { id, status, settled, placed, decided } of this.#orders.values()) {
      const since = status === 'placed' ? placed : settled ? undefined : decided;
      if (since === undefined || since.createdMs > beforeMs) continue;
      const time = new Date(since.createdMs).toISOString();
      this.#report('unsettled-order', since, `${id} is ${status} since ${time}`);
    }
  }

  #placed(orderId: string, known: Order | undefined, event: LogEvent): void {
    const id = text(event, 'reservationId');
    if (known !== undefined) this.#report('wrong-order', event, `${id} placed again`);
    const seats = list(event, 'seats').map((seat) => ({
      seatId: text(seat, 'seatId'),
      price: money(seat, 'price'),
    }));
    const order: Order = {
      id,
      userId: text(event, 'userId'),
      price: money(event, 'price'),
      currency: text(event, 'currency'),
      sessionId: text(event, 'sessionId'),
      seatIds: seats.map(({ seatId }) => seatId),
      expiresAtMs: timeMs(event, 'expiresAt'),
      placed: momentOf(event),
      soldTo: undefined,
      returned: undefined,
      status: 'placed',
      reason: undefined,
      decided: undefined,
      settled: false,
    };
    const sum = seats.reduce((total, { price }) => total + price, 0);
    if (id !== `order.${orderId}` || sum !== order.price) {
      this.#report('wrong-order', event, `${id} for ${order.price}, its seats cost ${sum}`);
    }
    if (new Set(order.seatIds).size < seats.length) {
      this.#report('wrong-order', event, `${id} has a seat twice: ${order.seatIds.join(', ')}`);
    }
    for (const { seatId, price } of seats) {
      const listed = this.#parts.catalog.price(order.sessionId, seatId) ?? 'no such seat';
      const asked = `${price} ${order.currency}`;
      if (listed === asked) continue;
      this.#report('wrong-price', event, `${seatId}: ${asked}, listed: ${listed}`);
    }
    this.#orders.set(orderId, order);
    this.#parts.purchases.set(id, order);
  }

  #confirmed(orderId: string, order: Order, event: LogEvent): void {
    const lacking = this.#seatsWhere(order, (hold) => hold?.orderId !== orderId);
    if (order.status !== 'placed' || lacking.length > 0) {
      const detail = `${order.id} was ${order.status}; not held for it: ${lacking.join(', ') || 'none'}`;
      this.#report('wrong-order', event, detail);
    }
    order.status = 'confirmed';
  }

  #paid(orderId: string, order: Order, event: LogEvent): void {
    const paymentId = text(event, 'paymentId');
    if (order.status === 'paid') {
      this.#report('double-sale', event, `${order.id} is paid by ${order.soldTo} already`);
      return;
    }
    const lacking = this.#seatsWhere(order, (hold) => hold?.orderId !== orderId);
    if (order.status !== 'confirmed' || lacking.length > 0) {
      const detail = `${order.id} was ${order.status} when it was paid; not held for it: ${lacking.join(', ') || 'none'}`;
      this.#report('wrong-order', event, detail);
    }
    order.status = 'paid';
    order.soldTo = paymentId;
    order.decided = momentOf(event);
    order.settled = false;
    this.#parts.onSold(order, paymentId, event);
  }

  #ended(order: Order, event: LogEvent): void {
    const reason = text(event, 'reason');
    if (order.status === 'ended' || (order.status === 'paid') !== (reason === 'refunded')) {
      this.#report('wrong-order', event, `${order.id} was ${order.status}, ended as ${reason}`);
    }
    if (order.status === 'paid') order.returned = momentOf(event);
    order.status = 'ended';
    order.reason = reason;
    order.decided = momentOf(event);
    order.settled = false;
  }

  /** Checks that every seat and the money have followed the order. */
  #settled(orderId: string, order: Order, event: LogEvent): void {
    const { status, decided, soldTo } = order;
    const behind = this.#seatsWhere(order, (hold) => {
      if (status === 'paid') return hold?.orderId !== orderId || hold.soldTo !== soldTo;
      // A command took the seat before it knew that the order had ended. It gives the seat back
      // afterwards.
      const since = decided !== undefined && (hold?.reserved.position ?? 0n) > decided.position;
      return hold?.orderId === orderId && !since;
    });
    const payment =
      soldTo === undefined ? undefined : this.#parts.paymentStatus(order.userId, soldTo);
    const owed = payment === 'held' || (status === 'ended' && payment === 'captured');
    if ((status !== 'paid' && status !== 'ended') || behind.length > 0 || owed) {
      const detail = `${order.id} is ${status}, its payment ${payment ?? 'none'}; seats that did not follow: ${behind.join(', ') || 'none'}`;
      this.#report('wrong-order', event, detail);
    }
    order.settled = true;
  }

  #seatsWhere(order: Order, test: (hold: HoldOfSeat | undefined) => boolean): string[] {
    return order.seatIds.filter((seatId) => test(this.#parts.holdOf(order.sessionId, seatId)));
  }
}
