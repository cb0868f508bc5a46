import type { Fact, Projection } from '../projection.ts';
import { ensure, patch, put, type Table } from '../row-change.ts';

export type AccountRow = {
  readonly user_id: string;
  /** What can be spent. */
  readonly balance: number;
  /** The money that unfinished payments hold. */
  readonly held: number;
  readonly currency: string;
};

export const accountTable: Table<AccountRow> = {
  name: 'account',
  columns: { user_id: 'text', balance: 'bigint', held: 'bigint', currency: 'text' },
  key: ['user_id'],
};

export type PaymentRow = {
  readonly payment_id: string;
  readonly user_id: string;
  readonly reservation_id: string;
  readonly amount: number;
  readonly currency: string;
  readonly status: 'held' | 'captured' | 'released' | 'refunded';
  readonly held_at: string;
  /** When the seat's hold ends. */
  readonly hold_expires_at: string;
  /** Set once it is released. */
  readonly release_reason: 'hold-expired' | 'cancelled' | null;
  /**
   * The time since when a refund is due, because the seat was given back. Null if no refund is due.
   */
  readonly refund_due_at: string | null;
  /** When it was last captured, released or refunded. */
  readonly resolved_at: string | null;
};

export const paymentTable: Table<PaymentRow> = {
  name: 'payment',
  columns: {
    payment_id: 'text',
    user_id: 'text',
    reservation_id: 'text',
    amount: 'bigint',
    currency: 'text',
    status: 'text',
    held_at: 'timestamptz',
    hold_expires_at: 'timestamptz',
    release_reason: 'text',
    refund_due_at: 'timestamptz',
    resolved_at: 'timestamptz',
  },
  key: ['payment_id'],
};

/** Moves so much money of the account. An unknown account starts at zero. */
const move = (
  userId: string,
  currency: string,
  by: { readonly balance: number; readonly held?: number },
) => [
  ensure(accountTable, { user_id: userId, balance: 0, held: 0, currency }),
  patch(accountTable, [userId], {}, by),
];

type Resolved = Fact<'PaymentCaptured'> | Fact<'PaymentReleased'> | Fact<'PaymentRefunded'>;

const resolve = (
  { data, stream, at }: Resolved,
  row: Partial<PaymentRow>,
  by: { readonly balance?: number; readonly held?: number },
) => [
  patch(accountTable, [stream.userId], {}, by),
  patch(paymentTable, [data.paymentId], { ...row, resolved_at: at }),
];

/** The balance of each user, and every payment with its result. */
export const accountProjection: Projection = {
  name: 'account',
  version: 1,
  tables: [accountTable, paymentTable],
  on: {
    BalanceCharged: ({ data, stream }) =>
      move(stream.userId, data.currency, { balance: data.amount }),
    PaymentHeld: ({ data, stream, at }) => [
      ...move(stream.userId, data.currency, { balance: -data.amount, held: data.amount }),
      put(paymentTable, [
        {
          payment_id: data.paymentId,
          user_id: stream.userId,
          reservation_id: data.reservationId,
          amount: data.amount,
          currency: data.currency,
          status: 'held',
          held_at: at,
          hold_expires_at: data.holdExpiresAt,
          release_reason: null,
          refund_due_at: null,
          resolved_at: null,
        },
      ]),
    ],
    PaymentCaptured: (fact) => resolve(fact, { status: 'captured' }, { held: -fact.data.amount }),
    PaymentReleased: (fact) =>
      resolve(
        fact,
        { status: 'released', release_reason: fact.data.reason, refund_due_at: null },
        { balance: fact.data.amount, held: -fact.data.amount },
      ),
    SeatReleased: ({ data, at }) =>
      data.reason === 'refunded' && data.paymentId !== undefined
        ? [patch(paymentTable, [data.paymentId], { refund_due_at: at })]
        : [],
    PaymentRefunded: (fact) =>
      resolve(fact, { status: 'refunded', refund_due_at: null }, { balance: fact.data.amount }),
  },
};
