import { type AccountCommand, accountDecider } from '../../../src/commands/account/decider.ts';
import type { AccountEvent, EventOf } from '../../../src/events/events.ts';
import { atMs, currency, holdEndsAtMs, type Payment, paymentOf } from '../../support/events.ts';

/** What an account is asked, in tests: payment n is of reservation `r<n>`. */

export const payment = (n: number, amount: number): Payment => paymentOf(`r${n}`, amount);

export const charge = (chargeId: string, amount: number): AccountCommand => ({
  type: 'ChargeBalance',
  chargeId,
  amount,
  currency,
  nowMs: atMs,
});
export const hold = (
  n: number,
  amount: number,
  of = currency,
): Extract<AccountCommand, { type: 'HoldPayment' }> => ({
  type: 'HoldPayment',
  paymentId: `pay.r${n}`,
  reservationId: `r${n}`,
  amount,
  currency: of,
  holdExpiresAtMs: holdEndsAtMs,
  nowMs: atMs,
});
export const refund = (n: number): AccountCommand => ({
  type: 'RefundPayment',
  paymentId: `pay.r${n}`,
  reservationId: `r${n}`,
  amount: 100,
  currency,
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

export const fold = (events: readonly AccountEvent[]) =>
  events.reduce(accountDecider.evolve, accountDecider.initial);

export function summaryOf(events: readonly AccountEvent[]): EventOf<'AccountSummarised'> {
  const [event] = accountDecider.snapshot.of(fold(events));
  if (event?.type !== 'AccountSummarised') throw new Error('not summed up');
  return event;
}
