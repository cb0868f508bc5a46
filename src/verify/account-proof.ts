import { AccountIndexes } from './account-index.ts';
import {
  type LogEvent,
  list,
  type Moment,
  momentOf,
  money,
  type Purchase,
  type Report,
  text,
} from './finding.ts';

interface Payment {
  readonly id: string;
  readonly userId: string;
  readonly reservationId: string;
  readonly amount: number;
  readonly heldBy: Moment;
  status: 'held' | 'captured' | 'released' | 'refunded';
}

/** Sums of all events of the account so far. */
interface Account {
  currency: string | undefined;
  charged: number;
  held: number;
  captured: number;
  refunded: number;
  /**
   * Later summaries may have a smaller sum of captured money, because an earlier summary of the
   * first version did not have that sum.
   */
  capturedUntold: boolean;
  /** Amounts by charge id. */
  readonly charges: Map<string, number>;
  readonly payments: Map<string, Payment>;
  /** Payments whose money is held, by their ids. */
  readonly open: Set<string>;
  readonly indexes: AccountIndexes;
}

/** What can be spent. */
const balanceOf = ({ charged, held, captured, refunded }: Account): number =>
  charged - held - captured + refunded;

/** Are a summary's sums equal to the sums of the events? */
function sumsAreRight(account: Account, event: LogEvent): boolean {
  const captured = capturedIsRight(account, event);
  const rest =
    money(event, 'balance') === balanceOf(account) && money(event, 'held') === account.held;
  return captured && rest;
}

/**
 * Checks the sum that was captured and not refunded. Summaries have it from their second version
 * on.
 */
function capturedIsRight(account: Account, event: LogEvent): boolean {
  const isUntold = event.type === 'AccountSummarised' && event.version === 1;
  account.capturedUntold ||= isUntold;
  if (isUntold) return true;
  const captured = account.captured - account.refunded;
  const told = money(event, 'captured');
  return told === captured || (account.capturedUntold && told < captured);
}

/** For each event that ends a payment: the state before and after it. */
const resolutions: Readonly<Record<string, readonly [Payment['status'], Payment['status']]>> = {
  PaymentCaptured: ['held', 'captured'],
  PaymentReleased: ['held', 'released'],
  PaymentRefunded: ['captured', 'refunded'],
};

/** All users' money, computed from the streams of the accounts. */
export class Accounts {
  readonly #accounts = new Map<string, Account>();
  readonly #purchases: ReadonlyMap<string, Purchase>;
  /** The payment that holds or took the money for a purchase. */
  readonly #paymentOf = new Map<string, Payment>();
  readonly #report: Report;

  constructor(purchases: ReadonlyMap<string, Purchase>, report: Report) {
    this.#purchases = purchases;
    this.#report = report;
  }

  get count(): number {
    return this.#accounts.size;
  }

  *payments(): Iterable<Payment> {
    for (const account of this.#accounts.values()) yield* account.payments.values();
  }

  /** The streams with held money, or with a refund that is due for a returned seat. */
  *unfinished(): Iterable<string> {
    for (const { userId, status, reservationId } of this.payments()) {
      const returned = this.#purchases.get(reservationId)?.returned;
      if (status === 'captured' && returned !== undefined) yield returned.stream;
      else if (status !== 'held') continue;
      yield `account-${userId}`;
    }
  }

  paymentStatus(userId: string, paymentId: string): Payment['status'] | undefined {
    return this.#accounts.get(userId)?.payments.get(paymentId)?.status;
  }

  /** Checks an event of an account's stream. */
  see(event: LogEvent): void {
    const userId = event.stream.slice('account-'.length);
    let account = this.#accounts.get(userId);
    if (account === undefined) {
      account = {
        currency: undefined,
        charged: 0,
        held: 0,
        captured: 0,
        refunded: 0,
        capturedUntold: false,
        charges: new Map(),
        payments: new Map(),
        open: new Set(),
        indexes: new AccountIndexes(),
      };
      this.#accounts.set(userId, account);
    }
    const [from, to] = resolutions[event.type] ?? [];
    if (from !== undefined && to !== undefined) this.#resolved(account, from, to, event);
    else if (event.type === 'BalanceCharged') this.#charged(account, event);
    else if (event.type === 'PaymentHeld') this.#held(account, userId, event);
    else if (event.type === 'AccountSummarised') this.#summarised(account, event);
    else if (event.type === 'AccountIndexed') this.#indexed(account, event);
    else if (event.type === 'AccountTotalled') this.#totalled(account, event);
    else this.#report('unreadable', event, `${event.type} on an account`);
  }

  /** Called for a sale. At that moment, the account of the buyer must hold the money for it. */
  sold(sale: Purchase, paymentId: string, event: LogEvent): void {
    const payment = this.#accounts.get(sale.userId)?.payments.get(paymentId);
    if (payment?.status === 'held' && payment.reservationId === sale.id) return;
    const found = payment === undefined ? 'does not exist' : `is ${payment.status}`;
    this.#report('unpaid-sale', event, `${paymentId} of user ${sale.userId} ${found}`);
  }

  /**
   * Called after the last event. No payment may hold money for too long, and no refund may be due
   * for too long.
   */
  conclude(beforeMs: number): void {
    for (const { id, status, amount, heldBy, reservationId } of this.payments()) {
      if (status === 'held' && heldBy.createdMs <= beforeMs) {
        const since = new Date(heldBy.createdMs).toISOString();
        this.#report('unresolved-payment', heldBy, `${id} holds ${amount} since ${since}`);
      }
      const returned = this.#purchases.get(reservationId)?.returned;
      if (status === 'captured' && returned !== undefined && returned.createdMs <= beforeMs) {
        this.#report('lost-refund', returned, `${id} took ${amount}, its seat was given back`);
      }
    }
  }

  #charged(account: Account, event: LogEvent): void {
    const chargeId = text(event, 'chargeId');
    const amount = money(event, 'amount');
    if (account.charges.has(chargeId)) this.#report('charged-twice', event, chargeId);
    account.charges.set(chargeId, amount);
    account.charged += amount;
    this.#sameCurrency(account, event);
    this.#balanced(account, event, money(event, 'balance'));
    account.indexes.charged(event);
  }

  #held(account: Account, userId: string, event: LogEvent): void {
    const payment: Payment = {
      id: text(event, 'paymentId'),
      userId,
      reservationId: text(event, 'reservationId'),
      amount: money(event, 'amount'),
      heldBy: momentOf(event),
      status: 'held',
    };
    const { reservationId } = payment;
    const other = account.payments.get(payment.id) ?? this.#paymentOf.get(reservationId);
    if (other !== undefined) {
      this.#report('paid-twice', event, `${reservationId}, by ${other.id} before`);
    }
    const purchase = this.#purchases.get(reservationId);
    if (purchase === undefined) {
      this.#report('orphan-charge', event, `${payment.id}: no reservation ${reservationId}`);
    } else {
      const due = `${purchase.price} ${purchase.currency} of user ${purchase.userId}`;
      const held = `${payment.amount} ${text(event, 'currency')} of user ${userId}`;
      if (held !== due) this.#report('wrong-payment', event, `${held} held, due: ${due}`);
    }
    account.payments.set(payment.id, payment);
    account.open.add(payment.id);
    this.#paymentOf.set(reservationId, payment);
    account.held += payment.amount;
    this.#sameCurrency(account, event);
    this.#balanced(account, event, money(event, 'balance'));
    account.indexes.held(event);
  }

  #resolved(
    account: Account,
    from: Payment['status'],
    to: Payment['status'],
    event: LogEvent,
  ): void {
    const id = text(event, 'paymentId');
    const payment = account.payments.get(id);
    account.indexes.ended(event);
    const { reservationId = '', amount } = payment ?? {};
    const same =
      reservationId === text(event, 'reservationId') && amount === money(event, 'amount');
    if (payment === undefined || payment.status !== from || !same) {
      const found = payment === undefined ? 'unknown' : `${payment.status}, ${amount}`;
      this.#report('wrong-resolution', event, `${event.type} of ${id}, which is ${found}`);
      return;
    }
    payment.status = to;
    account.open.delete(id);
    if (from === 'held') account.held -= payment.amount;
    if (to === 'captured') account.captured += payment.amount;
    if (to === 'refunded') account.refunded += payment.amount;
    const purchase = this.#purchases.get(reservationId);
    const bought = purchase?.soldTo === id && purchase.userId === payment.userId;
    if (to === 'captured') {
      if (!bought) this.#report('capture-without-sale', event, `${id}: nothing is sold to it`);
    } else if (purchase?.returned === undefined && (bought || to === 'refunded')) {
      this.#report('released-but-sold', event, `${id} ${to}, what it bought is still sold to it`);
    }
    this.#balanced(account, event);
  }

  /** A summary may leave out only settled payments. */
  #summarised(account: Account, event: LogEvent): void {
    const due = new Set<string>();
    for (const { id, status } of account.payments.values()) {
      if (status === 'held' || status === 'refunded') due.add(id);
    }
    const wrongPayments = list(event, 'payments').filter(({ data }) => {
      const id = String(data.paymentId);
      due.delete(id);
      const known = account.payments.get(id);
      const same = known?.amount === data.amount && known?.reservationId === data.reservationId;
      return !same || known?.status !== data.status;
    });
    const wrongCharges = list(event, 'charges').filter(
      ({ data }) => account.charges.get(String(data.chargeId)) !== data.amount,
    );
    const wrong = wrongPayments.length + wrongCharges.length;
    account.indexes.summarised(event);
    if (sumsAreRight(account, event) && wrong === 0 && due.size === 0) return;
    const detail = `events make ${balanceOf(account)}, held ${account.held}; ${wrong} entries wrong, ${due.size} left out`;
    this.#report('wrong-summary', event, detail);
  }

  /** Checks the ids that an index names. */
  #indexed(account: Account, event: LogEvent): void {
    const wrong = account.indexes.indexed(event);
    if (wrong !== undefined) this.#report('wrong-summary', event, wrong);
  }

  /**
   * Checks totals. They list the payments that hold money. They name the indexes with all other
   * entries that count.
   */
  #totalled(account: Account, event: LogEvent): void {
    const listed = list(event, 'payments');
    const right = listed.filter(({ data }) => {
      const known = account.payments.get(String(data.paymentId));
      const same = known?.amount === data.amount && known?.reservationId === data.reservationId;
      return same && known?.status === 'held';
    });
    const isAll = right.length === listed.length && listed.length === account.open.size;
    const wrong = account.indexes.totalled(event);
    if (sumsAreRight(account, event) && isAll && wrong === undefined) return;
    const made = `events make ${balanceOf(account)}, held ${account.held} by ${account.open.size}`;
    this.#report('wrong-summary', event, wrong ?? made);
  }

  /** Is the balance allowed, and equal to the balance in the event? */
  #balanced(account: Account, event: LogEvent, stated?: number): void {
    const balance = balanceOf(account);
    if (balance < 0) this.#report('negative-balance', event, `${balance}`);
    if (stated === undefined || stated === balance) return;
    this.#report('wrong-balance', event, `states ${stated}, events make ${balance}`);
  }

  #sameCurrency(account: Account, event: LogEvent): void {
    const currency = text(event, 'currency');
    account.currency ??= currency;
    if (currency === account.currency) return;
    this.#report('mixed-currencies', event, `${currency} on an account of ${account.currency}`);
  }
}
