import assert from 'node:assert/strict';
import type { AccountEvent } from '../../events/events.ts';
import { accept, type Decider, type Decision, type Elsewhere } from '../core/decider.ts';
import { type RefusalCode, refuse } from '../core/result.ts';
import { paymentKeptMs, paymentsHeldMax } from './bounds.ts';
import { type AccountState, evolve, initial, type PaymentRecord, recall } from './evolve.ts';
import { pageOf, rangesOf, withMissing } from './index-pages.ts';
import { snapshotBounds, takeSnapshot } from './snapshot.ts';

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
      /**
       * The earliest possible current time. It decides whether the hold is over. Default `nowMs`.
       */
      readonly earliestMs?: number;
      /**
       * A value of `leftOutBeforeMs`. After this value was read, the log had the reservation as
       * held. So its payment was not settled, and no snapshot has left it out.
       */
      readonly provenAtMs?: number;
    }
  /** The seat is sold to this payment. */
  | { readonly type: 'CapturePayment'; readonly paymentId: string }
  /** The seat can no longer be sold to this payment. */
  | {
      readonly type: 'ReleasePayment';
      readonly paymentId: string;
      readonly reason: 'hold-expired' | 'cancelled';
    }
  /**
   * The seat was sold to this payment and then given back. The seat's stream proves this, even if
   * the payment is old.
   */
  | {
      readonly type: 'RefundPayment';
      readonly paymentId: string;
      readonly reservationId: string;
      readonly amount: number;
      readonly currency: string;
    };

/** The largest sum of all money of an account. Above it, numbers are not exact. */
const balanceMax = Number.MAX_SAFE_INTEGER;

/** The first answer to a command: its amount and currency, and the balance after it. */
export interface AccountAnswer {
  readonly amount: number;
  readonly balance: number;
  readonly currency: string;
}

type AccountDecider = Decider<AccountState, AccountCommand, AccountEvent, AccountAnswer>;

export const accountDecider: AccountDecider & Required<Pick<AccountDecider, 'snapshot'>> = {
  initial,
  evolve,
  snapshot: {
    types: ['AccountSummarised', 'AccountTotalled'],
    partTypes: ['AccountIndexed'],
    everyEvents: 500,
    of: (state) => takeSnapshot(state, snapshotBounds),
  },
  elsewhere: elsewhere(),
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

/** The id of the charge or payment of a command. */
const idOf = (command: AccountCommand): string =>
  command.type === 'ChargeBalance' ? command.chargeId : command.paymentId;

/** Where the events that name one charge or payment have its id. */
const idFields: ReadonlyMap<string, string> = new Map([
  ['BalanceCharged', 'chargeId'],
  ['PaymentHeld', 'paymentId'],
  ['PaymentCaptured', 'paymentId'],
  ['PaymentReleased', 'paymentId'],
  ['PaymentRefunded', 'paymentId'],
]);

function elsewhere(): Elsewhere<AccountState, AccountCommand, AccountEvent> {
  return {
    partsOf: ({ index }) => index.missing,
    withPart(state, { type, data, revision }) {
      const page = type === 'AccountIndexed' ? pageOf(data, Number(revision)) : undefined;
      const index = page && withMissing(state.index, page);
      return index && { ...state, index };
    },
    rangesOf(command, state) {
      const { index } = state;
      if (index.pages.length === 0) return [];
      const id = idOf(command);
      const known = command.type === 'ChargeBalance' ? state.charges : state.payments;
      if (known.get(id) !== undefined) return [];
      const snapshotAtMs = state.leftOutBeforeMs + paymentKeptMs;
      return rangesOf(id, index, { revision: state.revision, snapshotAtMs });
    },
    concerns(commands) {
      const ids = new Set(commands.map(idOf));
      return ({ type, data }) => {
        if (type === 'AccountIndexed' || type === 'AccountTotalled') return false;
        const field = idFields.get(type);
        const id = field && (data as { readonly [name: string]: unknown } | null)?.[field];
        return typeof id !== 'string' || ids.has(id);
      };
    },
    recall: (state, commands, events) => recall(state, new Set(commands.map(idOf)), events),
  };
}

type Of<T extends AccountCommand['type']> = Extract<AccountCommand, { type: T }>;
type AccountDecision = Decision<AccountState, AccountEvent, AccountAnswer>;

function charge(command: Of<'ChargeBalance'>, state: AccountState): AccountDecision {
  const { chargeId, amount, currency, nowMs } = command;
  const known = state.charges.get(chargeId);
  if (known !== undefined) {
    return known.amount === amount
      ? accept([], { amount, balance: known.balance, currency: state.currency ?? currency })
      : refuse('idempotency-key-reused', 'an earlier charge with this key had another amount');
  }
  const balance = state.balance + amount;
  // Held and captured money may come back. Then it must still fit.
  if (balance + state.held + state.captured > balanceMax) {
    const detail = `balance, held money and money that may be refunded can be at most ${balanceMax} together`;
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
  // If a snapshot left out a payment, this payment may have been made. Its hold is long over, but a
  // slow clock may not show this. After a snapshot with a fast clock, a payment may only look left
  // out. Then the reservation itself is the proof.
  const mayBeLeftOut = holdExpiresAtMs < state.leftOutBeforeMs;
  if ((mayBeLeftOut && provenAtMs !== state.leftOutBeforeMs) || holdExpiresAtMs <= earliestMs)
    return refuse('hold-expired', 'the hold ended before it was paid');
  if (amount > state.balance || (amount > 0 && currency !== state.currency)) {
    const available = currency === state.currency ? state.balance : 0;
    return refuse(
      'balance-too-small',
      `the payment needs ${amount} ${currency}, and the balance has ${available}`,
    );
  }
  if (state.heldCount >= paymentsHeldMax) {
    return refuse('overloaded', `${paymentsHeldMax} payments of the buyer are not finished yet`);
  }
  const balance = state.balance - amount;
  const holdExpiresAt = new Date(holdExpiresAtMs).toISOString();
  const at = new Date(nowMs).toISOString();
  const data = { paymentId, reservationId, amount, currency, balance, holdExpiresAt, at };
  return accept([{ type: 'PaymentHeld', data }], { amount, balance, currency });
}

/** Every hold is resolved once. The same result again writes nothing. Another result is refused. */
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
  return {
    ok: true,
    events: [event(payment)],
    answer(after) {
      const { status: now } = after.payments.get(paymentId) ?? payment;
      assert(now === status, `payment ${paymentId} was ${status} and is ${now}: it would be again`);
      return payment;
    },
  };
}

const alreadyCode = (status: 'captured' | 'released' | 'refunded'): RefusalCode =>
  status === 'captured' ? 'already-captured' : 'already-released';

function refund(command: Of<'RefundPayment'>, state: AccountState): AccountDecision {
  const { paymentId, reservationId, amount, currency } = command;
  const known = state.payments.get(paymentId);
  const status = known?.status ?? 'captured';
  // A hold that was released has given its money back.
  if (status === 'refunded' || status === 'released') {
    return accept([], { amount, balance: state.balance, currency });
  }
  // This happens only in accounts with more money than is allowed now. The service repeats the
  // refund until it fits.
  if (state.balance + state.held + amount > balanceMax) {
    return refuse(
      'balance-too-large',
      `the balance would be too large after the refund of ${amount}: a balance is at most ${balanceMax}`,
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
