import { type AccountCommand, accountDecider } from '../../../src/commands/account/decider.ts';
import type { AccountEvent, EventOf } from '../../../src/events/events.ts';

/** What an account's log says, and what it is asked, in tests. */

export const at = '2027-01-01T12:00:00.000Z';
export const now = Date.parse(at);
export const expiresAt = '2027-01-01T12:05:00.000Z';

export const charge = (chargeId: string, amount: number): AccountCommand => ({
  type: 'ChargeBalance',
  chargeId,
  amount,
  currency: 'KRW',
  nowMs: now,
});
export const charged = (chargeId: string, amount: number, balance: number): AccountEvent => ({
  type: 'BalanceCharged',
  data: { chargeId, amount, currency: 'KRW', balance, at },
});
export const hold = (
  n: number,
  amount: number,
  currency = 'KRW',
): Extract<AccountCommand, { type: 'HoldPayment' }> => ({
  type: 'HoldPayment',
  paymentId: `pay.r${n}`,
  reservationId: `r${n}`,
  amount,
  currency,
  holdExpiresAtMs: Date.parse(expiresAt),
  nowMs: now,
});
export const held = (n: number, amount: number, balance: number): AccountEvent => ({
  type: 'PaymentHeld',
  data: {
    paymentId: `pay.r${n}`,
    reservationId: `r${n}`,
    amount,
    currency: 'KRW',
    balance,
    holdExpiresAt: expiresAt,
    at,
  },
});
export const refund = (n: number): AccountCommand => ({
  type: 'RefundPayment',
  paymentId: `pay.r${n}`,
  reservationId: `r${n}`,
  amount: 100,
  currency: 'KRW',
});
export const capture = (n: number): AccountCommand => ({
  type: 'CapturePayment',
  paymentId: `pay.r${n}`,
});
export const release = (n: number): AccountCommand => ({
  type: 'ReleasePayment',
  paymentId: `pay.r${n}`,
  reason: 'hold-expired',
});
export const captured = (n: number, amount: number): AccountEvent => ({
  type: 'PaymentCaptured',
  data: { paymentId: `pay.r${n}`, reservationId: `r${n}`, amount },
});
export const releasedEvent = (n: number, amount: number): AccountEvent => ({
  type: 'PaymentReleased',
  data: { paymentId: `pay.r${n}`, reservationId: `r${n}`, amount, reason: 'hold-expired' },
});
export const refunded = (n: number, amount: number): AccountEvent => ({
  type: 'PaymentRefunded',
  data: { paymentId: `pay.r${n}`, reservationId: `r${n}`, amount },
});

export const fold = (events: readonly AccountEvent[]) =>
  events.reduce(accountDecider.evolve, accountDecider.initial);

export function summaryOf(events: readonly AccountEvent[]): EventOf<'AccountSummarised'> {
  const [event] = accountDecider.snapshot.of(fold(events));
  if (event?.type !== 'AccountSummarised') throw new Error('not summed up');
  return event;
}
