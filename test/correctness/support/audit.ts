import type { RecordedEvent } from '../../../src/events/codec.ts';

/** A seat as the log leaves it. */
export interface SeatNow {
  reservationId: string;
  userId: string;
  price: number;
  expiresAtMs: number;
  orderId: string | undefined;
  soldTo: string | undefined;
}

export interface PaymentNow {
  readonly userId: string;
  readonly reservationId: string;
  readonly amount: number;
  status: 'held' | 'captured' | 'released' | 'refunded';
}

export interface OrderNow {
  readonly reservationId: string;
  readonly userId: string;
  readonly seats: readonly { readonly seatId: string; readonly price: number }[];
  readonly sessionId: string;
  readonly price: number;
  readonly expiresAtMs: number;
  status: 'placed' | 'confirmed' | 'paid' | 'ended';
  reason: string | undefined;
  settled: boolean;
}

type Data = Record<string, never> & Record<string, unknown>;

/**
 * Reads the log with none of the service's folding code and collects what must never be in it,
 * whatever crashed and whoever raced. `unresolved()` then says what is still to be finished.
 */
export class Audit {
  /** One line each: what is wrong and where. */
  readonly violations: string[] = [];
  /** Taken seats only, by `<sessionId>/<seatId>`. */
  readonly seats = new Map<string, SeatNow>();
  readonly payments = new Map<string, PaymentNow>();
  readonly orders = new Map<string, OrderNow>();
  readonly accounts = new Map<string, { balance: number; held: number }>();
  readonly cancelledSessions = new Set<string>();
  /** By reservation id: whose it was, what it costs, and the payment it was sold to, ever. */
  readonly reservations = new Map<string, { userId: string; price: number; soldTo?: string }>();
  /**
   * Reservations that were sold and given back: their money is owed until their payment is refunded
   * or released.
   */
  readonly refundsOwed = new Set<string>();
  /** The one that is seen now. */
  #event: RecordedEvent | undefined;
  readonly #charges = new Set<string>();
  readonly #revisions = new Map<string, bigint>();

  static of(events: Iterable<RecordedEvent>): Audit {
    const audit = new Audit();
    for (const event of events) audit.see(event);
    return audit;
  }

  see(event: RecordedEvent): void {
    const { stream, revision, type } = event;
    this.#event = event;
    if (revision !== (this.#revisions.get(stream) ?? -1n) + 1n) this.#bad('revision gap');
    this.#revisions.set(stream, revision);
    const data = event.data as Data;
    const name = stream.slice(stream.indexOf('-') + 1);
    if (stream.startsWith('seat-')) this.#seat(name, type, data);
    else if (stream.startsWith('order-')) this.#order(name, type, data);
    else if (stream.startsWith('account-')) this.#account(name, type, data);
    else if (type === 'SessionCancelled') this.cancelledSessions.add(String(data.sessionId));
  }

  /**
   * What has to be finished once nothing runs any more: money without a seat, a seat without money,
   * half an order.
   */
  unresolved(): string[] {
    const left: string[] = [];
    for (const [id, { status }] of this.payments) if (status === 'held') left.push(`${id} is held`);
    for (const [id, order] of this.orders) {
      const open = order.status === 'placed' || (order.status !== 'confirmed' && !order.settled);
      if (open) left.push(`order ${id} is ${order.status} and not settled`);
    }
    for (const id of this.refundsOwed) left.push(`${id} is not refunded`);
    for (const [name, seat] of this.seats) {
      const sessionId = name.split('/')[0] ?? '';
      const order = seat.orderId === undefined ? undefined : this.orders.get(seat.orderId);
      if (order?.status === 'ended') left.push(`${name} is kept by an order that ended`);
      if (order?.status === 'paid' && seat.soldTo === undefined)
        left.push(`${name} is paid, unsold`);
      if (this.cancelledSessions.has(sessionId))
        left.push(`${name} of a cancelled session is taken`);
      const payment = seat.soldTo === undefined ? undefined : this.payments.get(seat.soldTo);
      if (seat.soldTo !== undefined && payment?.status !== 'captured') {
        left.push(`${name} is sold, its payment is ${payment?.status}`);
      }
    }
    for (const [id, { status, reservationId }] of this.payments) {
      if (status === 'captured' && !this.#standsSold(reservationId, id)) {
        left.push(`${id} is captured and has no seat`);
      }
    }
    return left;
  }

  #standsSold(reservationId: string, paymentId: string): boolean {
    if (reservationId.startsWith('order.')) {
      return this.orders.get(reservationId.slice('order.'.length))?.status === 'paid';
    }
    const [sessionId, seatId] = reservationId.split('.');
    const seat = this.seats.get(`${sessionId}/${seatId}`);
    return seat?.reservationId === reservationId && seat.soldTo === paymentId;
  }

  #seat(name: string, type: string, data: Data): void {
    const id = String(data.reservationId);
    const seat = this.seats.get(name);
    if (type === 'SeatReserved') {
      if (seat !== undefined) this.#bad(`reserved while ${seat.reservationId} has it`);
      if (this.reservations.has(id)) this.#bad('the reservation was there before');
      const { userId, price } = data as Data & { userId: string; price: number };
      const orderId = data.orderId === undefined ? undefined : String(data.orderId);
      const expiresAtMs = Date.parse(String(data.expiresAt));
      this.seats.set(name, {
        reservationId: id,
        userId,
        price,
        expiresAtMs,
        orderId,
        soldTo: undefined,
      });
      this.reservations.set(id, { userId, price });
    } else if (seat?.reservationId !== id) {
      this.#bad(`${id} does not have the seat`);
    } else if (type === 'SeatSold') {
      const paymentId = String(data.paymentId);
      if (seat.soldTo !== undefined) this.#bad('sold twice');
      if (data.userId !== seat.userId) this.#bad('sold to another user');
      const payment = this.payments.get(paymentId);
      const order = seat.orderId === undefined ? undefined : this.orders.get(seat.orderId);
      const paidFor = seat.orderId === undefined ? id : `order.${seat.orderId}`;
      if (payment?.status !== 'held' && payment?.status !== 'captured') {
        this.#bad(`sold, and the payment is ${payment?.status}`);
      }
      if (payment?.reservationId !== paidFor || payment.userId !== seat.userId)
        this.#bad('wrong payment');
      const paid = this.reservations.get(order?.reservationId ?? '')?.soldTo === paymentId;
      if (seat.orderId !== undefined && !paid) this.#bad('its order is not paid');
      seat.soldTo = paymentId;
      this.reservations.set(id, { ...seat, soldTo: paymentId });
    } else {
      if ((seat.soldTo !== undefined) !== (data.reason === 'refunded'))
        this.#bad(`released: ${data.reason}`);
      if (seat.soldTo !== undefined && seat.orderId === undefined) this.#owe(seat.soldTo, id);
      const order = seat.orderId === undefined ? undefined : this.orders.get(seat.orderId);
      if (order !== undefined && order.status !== 'ended') this.#bad('its order did not end');
      this.seats.delete(name);
    }
  }

  #order(id: string, type: string, data: Data): void {
    const order = this.orders.get(id);
    if (type === 'OrderPlaced') {
      if (order !== undefined) this.#bad('placed twice');
      const placed = data as Data & Omit<OrderNow, 'expiresAtMs' | 'status' | 'settled'>;
      const expiresAtMs = Date.parse(String(data.expiresAt));
      const state = { status: 'placed', settled: false, reason: undefined } as const;
      this.orders.set(id, { ...placed, expiresAtMs, ...state });
      const { reservationId, userId, price } = placed;
      this.reservations.set(reservationId, { userId, price });
      return;
    }
    if (order === undefined) {
      this.#bad('no such order');
      return;
    }
    if (type === 'OrderConfirmed') {
      if (order.status !== 'placed') this.#bad(`confirmed when ${order.status}`);
      const had = this.#seatsOf(id, order);
      if (had !== order.seats.length) this.#bad(`confirmed with ${had} seats`);
      order.status = 'confirmed';
    } else if (type === 'OrderPaid') {
      if (order.status !== 'confirmed') this.#bad(`paid when ${order.status}`);
      const had = this.#seatsOf(id, order);
      if (had !== order.seats.length) this.#bad(`paid with ${had} seats`);
      if (this.payments.get(String(data.paymentId))?.status !== 'held')
        this.#bad('paid without money');
      order.status = 'paid';
      this.reservations.set(order.reservationId, { ...order, soldTo: String(data.paymentId) });
    } else if (type === 'OrderEnded') {
      if (order.status === 'ended') this.#bad('ended twice');
      if ((order.status === 'paid') !== (data.reason === 'refunded'))
        this.#bad(`ended: ${data.reason}`);
      if (order.status === 'paid') this.#owe(`pay.${order.reservationId}`, order.reservationId);
      order.status = 'ended';
      order.reason = String(data.reason);
      order.settled = false;
    } else {
      if (order.status !== 'paid' && order.status !== 'ended')
        this.#bad(`settled when ${order.status}`);
      order.settled = true;
    }
  }

  /** How many of its seats an order has. */
  #seatsOf(id: string, { seats, sessionId }: OrderNow): number {
    return seats.filter(({ seatId }) => this.seats.get(`${sessionId}/${seatId}`)?.orderId === id)
      .length;
  }

  #account(userId: string, type: string, data: Data): void {
    const account = this.accounts.get(userId) ?? { balance: 0, held: 0 };
    this.accounts.set(userId, account);
    const stated = (): void => {
      if (data.balance !== account.balance)
        this.#bad(`states ${data.balance}, is ${account.balance}`);
    };
    if (type === 'BalanceCharged') {
      const charge = `${userId} ${data.chargeId}`;
      if (this.#charges.has(charge)) this.#bad('charged twice');
      this.#charges.add(charge);
      account.balance += Number(data.amount);
      stated();
      return;
    }
    if (type === 'AccountIndexed') return;
    if (type === 'AccountSummarised' || type === 'AccountTotalled') {
      if (data.held !== account.held) this.#bad(`states ${data.held} held, is ${account.held}`);
      stated();
      return;
    }
    const id = String(data.paymentId);
    const amount = Number(data.amount);
    const payment = this.payments.get(id);
    const reservation = this.reservations.get(String(data.reservationId));
    if (type === 'PaymentHeld') {
      if (payment !== undefined) this.#bad('held twice');
      if (reservation?.userId !== userId) this.#bad('somebody else’s reservation');
      if (reservation?.price !== amount)
        this.#bad(`${amount} held, the price is ${reservation?.price}`);
      const reservationId = String(data.reservationId);
      this.payments.set(id, { userId, reservationId, amount, status: 'held' });
      account.balance -= amount;
      account.held += amount;
      if (account.balance < 0) this.#bad(`the balance is ${account.balance}`);
      stated();
      return;
    }
    if (payment === undefined || payment.userId !== userId || payment.amount !== amount) {
      this.#bad('no such payment');
      return;
    }
    const from = type === 'PaymentRefunded' ? 'captured' : 'held';
    if (payment.status !== from) this.#bad(`the payment is ${payment.status}`);
    if (type === 'PaymentCaptured') {
      if (reservation?.soldTo !== id) this.#bad('captured, and nothing was sold to it');
      payment.status = 'captured';
      account.held -= amount;
      return;
    }
    if (this.#standsSold(payment.reservationId, id))
      this.#bad('money back, and the seat is sold to it');
    if (type === 'PaymentReleased') account.held -= amount;
    if (type === 'PaymentRefunded' && !this.refundsOwed.has(payment.reservationId))
      this.#bad('not owed');
    account.balance += amount;
    payment.status = type === 'PaymentReleased' ? 'released' : 'refunded';
    this.refundsOwed.delete(payment.reservationId);
  }

  #bad(what: string): void {
    const { type, revision, stream } = this.#event as RecordedEvent;
    this.violations.push(`${what} (${type} ${revision}@${stream})`);
  }

  #owe(paymentId: string, reservationId: string): void {
    const status = this.payments.get(paymentId)?.status;
    if (status === 'held' || status === 'captured') this.refundsOwed.add(reservationId);
  }
}
