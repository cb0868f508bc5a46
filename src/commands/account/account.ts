import type { AccountEvent } from '../../events/events.ts';
import { accept, type Decider, type Decision } from '../decider.ts';
import { PersistentMap } from '../persistent-map.ts';
import { type RefusalCode, refuse } from '../result.ts';
import { fromSummary, summarise } from './summary.ts';

/** A user's money, in whole minor units of one currency. */
export interface AccountState {
  /** The first charge's currency; null before it. */
  readonly currency: string | null;
  /** What can be spent: charged − held − captured + refunded. Never negative. */
  readonly balance: number;
  /** What payments under way hold. */
  readonly held: number;
  /** Taken and not refunded: it may come back, since the house refunds at any time. */
  readonly captured: number;
  /** The newest moment that an event told of: what summaries measure age from. Milliseconds since the epoch. */
  readonly latestMs: number;
  /** Payments of holds that ended before this may have been left out by a summary; 0 when there was none. */
  readonly leftOutBeforeMs: number;
  readonly charges: PersistentMap<ChargeRecord>;
  readonly payments: PersistentMap<PaymentRecord>;
}

export interface ChargeRecord {
  readonly amount: number;
  readonly balance: number;
  readonly atMs: number;
}

export interface PaymentRecord {
  readonly status: 'held' | 'captured' | 'released' | 'refunded';
  readonly reservationId: string;
  readonly amount: number;
  readonly currency: string;
  /** What could be spent right after the hold: what the first answer said. */
  readonly balance: number;
  /** No payment for the reservation can start after this. */
  readonly holdExpiresAtMs: number;
}

export type AccountCommand =
  | {
      readonly type: 'ChargeBalance';
      readonly chargeId: string;
      readonly amount: number;
      readonly currency: string;
      readonly nowMs: number;
    }
  | {
      readonly type: 'HoldPayment';
      readonly paymentId: string;
      readonly reservationId: string;
      readonly amount: number;
      readonly currency: string;
      /** When the seat's hold ends. */
      readonly holdExpiresAtMs: number;
      readonly nowMs: number;
      /** The earliest that it may be, by which the hold is over or not. Default `nowMs`. */
      readonly earliestMs?: number;
      /**
       * While this was `leftOutBeforeMs`, and after it was read, the log had the reservation as held: nothing of its payment was
       * settled, so no summary has left it out.
       */
      readonly provenAtMs?: number;
    }
  /** The seat is sold to this payment. */
  | { readonly type: 'CapturePayment'; readonly paymentId: string }
  /** The seat can never be sold to this payment any more. */
  | {
      readonly type: 'ReleasePayment';
      readonly paymentId: string;
      readonly reason: 'hold-expired' | 'cancelled';
    }
  /** The seat was sold by this payment and given back: the seat's stream is the proof, so it may be old. */
  | {
      readonly type: 'RefundPayment';
      readonly paymentId: string;
      readonly reservationId: string;
      readonly amount: number;
      readonly currency: string;
    };

/** Of money in all; above it numbers are not exact. */
const balanceMax = Number.MAX_SAFE_INTEGER;

/** What can be spent after the command as it was first answered, with its currency and amount. */
export interface AccountAnswer {
  readonly amount: number;
  readonly balance: number;
  readonly currency: string;
}

export const accountDecider: Decider<AccountState, AccountCommand, AccountEvent, AccountAnswer> = {
  initial: {
    currency: null,
    balance: 0,
    held: 0,
    captured: 0,
    latestMs: 0,
    leftOutBeforeMs: 0,
    charges: PersistentMap.empty(),
    payments: PersistentMap.empty(),
  },
  evolve,
  summary: { type: 'AccountSummarised', everyEvents: 500, of: summarise },
  decide(command, state) {
    switch (command.type) {
      case 'ChargeBalance':
        return charge(command, state);
      case 'HoldPayment':
        return hold(command, state);
      case 'CapturePayment':
        return resolve(command.paymentId, state, 'captured', ({ reservationId, amount }) => ({
          type: 'PaymentCaptured',
          data: { paymentId: command.paymentId, reservationId, amount },
        }));
      case 'ReleasePayment':
        return resolve(command.paymentId, state, 'released', ({ reservationId, amount }) => ({
          type: 'PaymentReleased',
          data: { paymentId: command.paymentId, reservationId, amount, reason: command.reason },
        }));
      case 'RefundPayment':
        return refund(command, state);
    }
  },
};

function evolve(state: AccountState, event: AccountEvent): AccountState {
  switch (event.type) {
    case 'BalanceCharged': {
      const { chargeId, amount, currency } = event.data;
      const balance = state.balance + amount;
      const atMs = Date.parse(event.data.at);
      const charges = state.charges.with(chargeId, { amount, balance: event.data.balance, atMs });
      const latestMs = Math.max(state.latestMs, atMs);
      return { ...state, currency: state.currency ?? currency, balance, latestMs, charges };
    }
    case 'PaymentHeld': {
      const { paymentId, holdExpiresAt, at, ...data } = event.data;
      const { amount } = data;
      const holdExpiresAtMs = Date.parse(holdExpiresAt);
      const record = { status: 'held', ...data, holdExpiresAtMs } as const;
      return {
        ...state,
        latestMs: Math.max(state.latestMs, Date.parse(at)),
        balance: state.balance - amount,
        held: state.held + amount,
        payments: state.payments.with(paymentId, record),
      };
    }
    case 'PaymentCaptured':
      return settle(state, event.data, 'captured', 0);
    case 'PaymentReleased':
      return settle(state, event.data, 'released', event.data.amount);
    case 'PaymentRefunded': {
      const { paymentId, reservationId, amount } = event.data;
      const known = state.payments.get(paymentId);
      const old = { currency: state.currency ?? '', balance: 0, holdExpiresAtMs: 0 };
      const record = { ...old, ...known, reservationId, amount, status: 'refunded' } as const;
      const payments = state.payments.with(paymentId, record);
      const balance = state.balance + amount;
      // Of a summary that did not tell, less is known to be taken than was.
      const captured = Math.max(0, state.captured - amount);
      return { ...state, balance, captured, payments };
    }
    case 'AccountSummarised':
      return fromSummary(event.data);
  }
}

/** A hold ends: it is spent, or what it held can be spent again. */
function settle(
  state: AccountState,
  { paymentId, amount }: { paymentId: string; amount: number },
  status: 'captured' | 'released',
  returned: number,
): AccountState {
  const record = state.payments.get(paymentId);
  const payments = record ? state.payments.with(paymentId, { ...record, status }) : state.payments;
  return {
    ...state,
    balance: state.balance + returned,
    held: state.held - amount,
    captured: state.captured + (amount - returned),
    payments,
  };
}

type Of<T extends AccountCommand['type']> = Extract<AccountCommand, { type: T }>;
type AccountDecision = Decision<AccountEvent, AccountAnswer>;

function charge(command: Of<'ChargeBalance'>, state: AccountState): AccountDecision {
  const { chargeId, amount, currency, nowMs } = command;
  const known = state.charges.get(chargeId);
  if (known !== undefined) {
    return known.amount === amount
      ? accept([], { amount, balance: known.balance, currency: state.currency ?? currency })
      : refuse('idempotency-key-reused', 'this key has charged another amount');
  }
  const balance = state.balance + amount;
  // What is held or taken may come back, and has to fit then.
  if (balance + state.held + state.captured > balanceMax) {
    const detail = `what can be spent, is held or may be refunded ends at ${balanceMax} in all`;
    return refuse('balance-too-large', detail);
  }
  const at = new Date(nowMs).toISOString();
  return accept([{ type: 'BalanceCharged', data: { chargeId, amount, currency, balance, at } }], {
    amount,
    balance,
    currency,
  });
}

function hold(command: Of<'HoldPayment'>, state: AccountState): AccountDecision {
  const { paymentId, reservationId, amount, currency, holdExpiresAtMs, nowMs } = command;
  const { earliestMs = nowMs, provenAtMs } = command;
  const known = state.payments.get(paymentId);
  if (known !== undefined) {
    return known.status === 'held' || known.status === 'captured'
      ? accept([], known)
      : refuse('hold-expired', `the payment was ${known.status}`);
  }
  // What a summary left out may have been paid: its hold is long over, though a clock that is late may not know. So it looks,
  // too, when the summary was made by a clock that was ahead, and then the reservation itself is the proof.
  const mayBeLeftOut = holdExpiresAtMs < state.leftOutBeforeMs;
  if ((mayBeLeftOut && provenAtMs !== state.leftOutBeforeMs) || holdExpiresAtMs <= earliestMs)
    return refuse('hold-expired', 'the hold ended before it was paid');
  if (amount > state.balance || (amount > 0 && currency !== state.currency)) {
    const available = currency === state.currency ? state.balance : 0;
    return refuse('balance-too-small', `${amount} ${currency} needed, ${available} available`);
  }
  const balance = state.balance - amount;
  const holdExpiresAt = new Date(holdExpiresAtMs).toISOString();
  const at = new Date(nowMs).toISOString();
  const data = { paymentId, reservationId, amount, currency, balance, holdExpiresAt, at };
  return accept([{ type: 'PaymentHeld', data }], { amount, balance, currency });
}

/** Every hold is resolved exactly once: again the same way is done already, another way is refused. */
function resolve(
  paymentId: string,
  state: AccountState,
  status: 'captured' | 'released',
  event: (payment: PaymentRecord) => AccountEvent,
): AccountDecision {
  const payment = state.payments.get(paymentId);
  if (payment === undefined) return refuse('reservation-not-found', 'no such payment');
  if (payment.status === status) return accept([], payment);
  if (payment.status !== 'held')
    return refuse(alreadyCode(payment.status), `the payment was ${payment.status}`);
  return accept([event(payment)], payment);
}

const alreadyCode = (status: 'captured' | 'released' | 'refunded'): RefusalCode =>
  status === 'captured' ? 'already-captured' : 'already-released';

function refund(command: Of<'RefundPayment'>, state: AccountState): AccountDecision {
  const { paymentId, reservationId, amount, currency } = command;
  const known = state.payments.get(paymentId);
  const status = known?.status ?? 'captured';
  // A hold that was let go gave its money back already.
  if (status === 'refunded' || status === 'released') {
    return accept([], { amount, balance: state.balance, currency });
  }
  // Of accounts that were charged further than they may be now. It is tried again until there is room.
  if (state.balance + state.held + amount > balanceMax) {
    return refuse(
      'balance-too-large',
      `the refund of ${amount} would not fit: a balance ends at ${balanceMax}`,
    );
  }
  const data = { paymentId, reservationId, amount };
  const refunded: AccountEvent = { type: 'PaymentRefunded', data };
  const answer = { amount, balance: state.balance + amount, currency };
  return accept(
    status === 'held' ? [{ type: 'PaymentCaptured', data }, refunded] : [refunded],
    answer,
  );
}
