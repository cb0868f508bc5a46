import { ExpectedTable } from './expected-table.ts';

/** The stored forms that the proof knows: versions and types of events, columns of tables. */

/**
 * The current version of each event type that has changed. The proof can read this version and
 * version 1. Other types have only version 1.
 */
export const versionsKnown: Readonly<Record<string, number>> = {
  ...{ AccountSummarised: 2, ConcertRegistered: 2, ConcertRevised: 2 },
  ...{ QueueMoved: 2, QueueSteered: 2 },
};

/** Types of the service's events. */
export const typesKnown: ReadonlySet<string> = new Set(
  [
    'ConcertRegistered ConcertRevised SessionScheduled SessionRescheduled SessionCancelled',
    'SeatReserved SeatSold SeatReleased',
    'OrderPlaced OrderConfirmed OrderPaid OrderEnded OrderSettled',
    'BalanceCharged PaymentHeld PaymentCaptured PaymentReleased PaymentRefunded',
    'AccountSummarised AccountIndexed AccountTotalled',
    'EventSkipped',
    'QueueMoved QueueSteered QueueDrawn',
    'LogRestored ImageRestored LogRestoreFinished LogReconciled SaleOpened',
  ].flatMap((types) => types.split(' ')),
);

/** The read models' tables, without rows. Their columns are those of the migrations. */
export const emptyTables = () => ({
  concerts: table('concert', 1, 'concert_id title venue version'),
  sessions: table(
    'session',
    1,
    'session_id concert_id starts_at sales_open_at currency seats_total seats_available',
    'cancelled_at version',
  ),
  seats: table(
    'seat',
    2,
    'session_id seat_id ordinal section row_name seat_number price currency status',
    'reservation_id user_id',
  ),
  reservations: table(
    'reservation',
    1,
    'reservation_id session_id seat_ids user_id status price currency reserved_at expires_at',
    'payment_id release_reason resolved_at order_id unsettled_since',
  ),
  accounts: table('account', 1, 'user_id balance held currency'),
  payments: table(
    'payment',
    1,
    'payment_id user_id reservation_id amount currency status held_at hold_expires_at',
    'release_reason resolved_at refund_due_at',
  ),
});

/** @param columns names, separated by spaces, with the key's columns first */
const table = (name: string, keyColumns: number, ...columns: readonly string[]): ExpectedTable =>
  new ExpectedTable(name, keyColumns, columns.join(' ').split(' '));
