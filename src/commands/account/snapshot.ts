import type { AccountEvent, EventData } from '../../events/events.ts';
import { whyNotWritable } from '../../events/writable.ts';
import { assertAscending } from '../core/bounds.ts';
import { storeAppendBytesMax } from '../core/event-store.ts';
import { chargeKeptMs, paymentKeptMs } from './bounds.ts';
import { revisionMax } from './entries.ts';
import type { AccountState } from './evolve.ts';
import { counts, indexedData, type NextPage, nextPages, type PageBounds } from './index-pages.ts';

export interface SnapshotBounds {
  /** Charges and payments in a plain snapshot, or payments in totals, at most. */
  readonly entriesMax: number;
  /**
   * The events of a snapshot at most, in bytes of JSON. Together with the other events of the
   * append, they must stay below the store's limit.
   */
  readonly bytesMax: number;
  readonly pages: PageBounds;
}

export const snapshotBounds: SnapshotBounds = {
  entriesMax: 2_000,
  bytesMax: 640 * 1024,
  pages: { entriesMax: 50_000, smallMax: 1_000, fanOut: 8 },
};
assertAscending({ bytesMax: snapshotBounds.bytesMax, storeAppendBytesMax });

/**
 * Makes a snapshot of everything in an account that still counts. If this is little, one event
 * lists all of it (a plain snapshot). If it is more, or if the ids are too long to fit, there are
 * two events: the totals and an index. The index has the places in the stream that name an id. With
 * it, a retry finds its own charge or payment. The result is empty if more payments hold money than
 * one event can list.
 *
 * The snapshot leaves out entries that no retry can ask for. It keeps refunded payments for ever,
 * because a refund may come months after the payment and must come only once.
 */
export function takeSnapshot(state: AccountState, bounds: SnapshotBounds): readonly AccountEvent[] {
  const { index, latestMs, revision } = state;
  if (!counts(index, latestMs)) {
    const events = listed(state, bounds);
    if (fits(events, bounds)) return events;
  }
  if (index.missing.length > 0 || revision >= revisionMax - 1) return [];
  const next = { revision: revision + 1, latestMs, bounds: bounds.pages };
  // The largest page that fits, because a larger page is written again less often.
  for (const page of nextPages(index, next).toReversed()) {
    const events = pageAndTotals(state, page, bounds);
    if (fits(events, bounds)) return events;
  }
  return [];
}

/** Are there events to write, and do the store and every reader accept them? */
function fits(events: readonly AccountEvent[], { bytesMax }: SnapshotBounds): boolean {
  let bytes = 0;
  for (const event of events) bytes += Buffer.byteLength(JSON.stringify(event.data));
  return (
    events.length > 0 &&
    bytes <= bytesMax &&
    events.every((event) => whyNotWritable(event) === undefined)
  );
}

const iso = (ms: number): string => new Date(ms).toISOString();

const totals = ({ currency, balance, held, captured, latestMs }: AccountState) => ({
  ...{ currency, balance, held, captured },
  latestAt: iso(latestMs),
});

/** All entries that count, if they are few. */
function listed(state: AccountState, { entriesMax }: SnapshotBounds): readonly AccountEvent[] {
  const { latestMs } = state;
  const data: EventData['AccountSummarised'] = { ...totals(state), charges: [], payments: [] };
  const isFull = () => data.charges.length + data.payments.length > entriesMax;
  for (const [chargeId, { amount, balance, atMs }] of state.charges.entries()) {
    if (atMs < latestMs - chargeKeptMs) continue;
    data.charges.push({ chargeId, amount, balance, at: iso(atMs) });
    if (isFull()) return [];
  }
  for (const [paymentId, { holdExpiresAtMs, ...payment }] of state.payments.entries()) {
    const open = payment.status === 'held' || payment.status === 'refunded';
    if (!open && holdExpiresAtMs < latestMs - paymentKeptMs) continue;
    data.payments.push({ paymentId, ...payment, holdExpiresAt: iso(holdExpiresAtMs) });
    if (isFull()) return [];
  }
  return [{ type: 'AccountSummarised', data }];
}

/** A page, and the totals unless more pages have to come before them. */
function pageAndTotals(
  state: AccountState,
  { page, before }: NextPage,
  { entriesMax }: SnapshotBounds,
): readonly AccountEvent[] {
  const indexed: AccountEvent = { type: 'AccountIndexed', data: indexedData(page) };
  if (before === undefined) return [indexed];
  const payments: EventData['AccountTotalled']['payments'] = [];
  for (const [paymentId, { status, holdExpiresAtMs, ...payment }] of state.payments.entries()) {
    if (status !== 'held') continue;
    payments.push({ paymentId, ...payment, holdExpiresAt: iso(holdExpiresAtMs) });
    if (payments.length > entriesMax) return [];
  }
  const indexes = [...before, page].map(({ revision }) => revision);
  return [indexed, { type: 'AccountTotalled', data: { ...totals(state), payments, indexes } }];
}
