import type { AccountEvent, EventData } from '../../events/events.ts';
import { whyNotWritable } from '../../events/writable.ts';
import { PersistentMap } from '../persistent-map.ts';
import type { AccountState, ChargeRecord, PaymentRecord } from './account.ts';

/** A charge is answered again as the first time for two days: a day is what the API promises. In milliseconds. */
const chargeKeptMs = 2 * 24 * 3_600_000;

/** No payment can start once its hold ended; this much later by any clock. In milliseconds. */
const paymentKeptMs = 60_000;

/** An account with more that is recent is too busy to be summarised now. */
const entriesMax = 2_000;

/**
 * So is one whose ids are so long that the summary would be larger: with the events that it is appended with it has to
 * stay below the 1 MiB that the store takes. In bytes of JSON.
 */
const bytesMax = 640 * 1024;

/**
 * What of an account still counts, or undefined when it is too much for one event. Left out are charges and payments
 * that no retry can ask for any more. Refunded payments stay for ever, since a refund may come months after the
 * payment and must come once.
 */
export function summarise(state: AccountState): AccountEvent | undefined {
  const iso = (ms: number) => new Date(ms).toISOString();
  const data: EventData['AccountSummarised'] = {
    currency: state.currency,
    balance: state.balance,
    held: state.held,
    captured: state.captured,
    latestAt: iso(state.latestMs),
    charges: [],
    payments: [],
  };
  for (const [chargeId, { amount, balance, atMs }] of state.charges.entries()) {
    if (atMs < state.latestMs - chargeKeptMs) continue;
    data.charges.push({ chargeId, amount, balance, at: iso(atMs) });
  }
  for (const [paymentId, { holdExpiresAtMs, ...payment }] of state.payments.entries()) {
    const open = payment.status === 'held' || payment.status === 'refunded';
    if (!open && holdExpiresAtMs < state.latestMs - paymentKeptMs) continue;
    data.payments.push({ paymentId, ...payment, holdExpiresAt: iso(holdExpiresAtMs) });
  }
  if (data.charges.length + data.payments.length > entriesMax) return undefined;
  const event: AccountEvent = { type: 'AccountSummarised', data };
  const fits = Buffer.byteLength(JSON.stringify(data)) <= bytesMax;
  return fits && whyNotWritable(event) === undefined ? event : undefined;
}

/** The account as a summary tells it: all that came before it is in there. */
export function fromSummary(data: EventData['AccountSummarised']): AccountState {
  let charges = PersistentMap.empty<ChargeRecord>();
  for (const { chargeId, amount, balance, at } of data.charges) {
    charges = charges.with(chargeId, { amount, balance, atMs: Date.parse(at) });
  }
  let payments = PersistentMap.empty<PaymentRecord>();
  for (const { paymentId, holdExpiresAt, ...payment } of data.payments) {
    payments = payments.with(paymentId, { ...payment, holdExpiresAtMs: Date.parse(holdExpiresAt) });
  }
  const { currency, balance, held, captured, latestAt } = data;
  const latestMs = Date.parse(latestAt);
  const leftOutBeforeMs = latestMs - paymentKeptMs;
  return { currency, balance, held, captured, latestMs, leftOutBeforeMs, charges, payments };
}
