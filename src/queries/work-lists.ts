import { type Kysely, sql } from 'kysely';
import type { Database } from '../projections/models/database.ts';

/** A hold whose time is over and that has not been ended. */
export interface DueHold {
  readonly reservationId: string;
  readonly userId: string;
  readonly price: number;
  readonly currency: string;
  readonly expiresAtMs: number;
  /** The order that the seat belongs to, if any. */
  readonly orderId: string | undefined;
}

/** A payment that is not yet captured or released. */
export interface OpenPayment {
  readonly userId: string;
  readonly reservationId: string;
}

/** A payment with a due refund. */
export interface RefundDue extends OpenPayment {
  readonly amount: number;
  readonly currency: string;
}

/**
 * Items that are due since `atMs` (ms since the epoch) or longer, oldest first, at most `limit`
 * after the first `offset` (default 0).
 */
export type Due<Item> = (atMs: number, limit: number, offset?: number) => Promise<readonly Item[]>;

/**
 * The durable lists of the processes: due work, and work that a crash, or a failure after the
 * answer, has interrupted.
 */
export interface WorkLists {
  /** Holds whose time is over and whose seats are still held. */
  readonly dueHolds: Due<DueHold>;
  /** Payments whose money is held and is neither captured nor released. */
  readonly openPayments: Due<OpenPayment>;
  /** Payments whose seat was given back and whose refund is not paid yet. */
  readonly refundsDue: Due<RefundDue>;
  /**
   * Orders that wait for a confirmation, or whose seats are not yet in the order's state. They
   * include orders for which a seat was taken after their end.
   */
  readonly unsettledOrders: Due<string>;
  /** Reservations of cancelled sessions that are still held or sold, without a minimum wait. */
  readonly cancelledReservations: Due<string>;
}

export function workLists(db: Kysely<Database>): WorkLists {
  return {
    async dueHolds(atMs, limit, offset = 0) {
      const rows = await db
        .selectFrom('reservation')
        .select(['reservation_id', 'user_id', 'price', 'currency', 'expires_at', 'order_id'])
        .where('status', '=', 'held')
        .where('expires_at', '<=', new Date(atMs))
        .orderBy('expires_at')
        .limit(limit)
        .offset(offset)
        .execute();
      return rows.map((row) => ({
        reservationId: row.reservation_id,
        userId: row.user_id,
        price: Number(row.price),
        currency: row.currency,
        expiresAtMs: row.expires_at.getTime(),
        orderId: row.order_id ?? undefined,
      }));
    },

    openPayments: (atMs, limit, offset = 0) =>
      db
        .selectFrom('payment')
        .select(['user_id as userId', 'reservation_id as reservationId'])
        .where('status', '=', 'held')
        .where('held_at', '<=', new Date(atMs))
        .orderBy('held_at')
        .limit(limit)
        .offset(offset)
        .execute(),

    async refundsDue(atMs, limit, offset = 0) {
      const rows = await db
        .selectFrom('payment')
        .select(['user_id as userId', 'reservation_id as reservationId', 'amount', 'currency'])
        .where('refund_due_at', '<=', new Date(atMs))
        .orderBy('refund_due_at')
        .limit(limit)
        .offset(offset)
        .execute();
      return rows.map((row) => ({ ...row, amount: Number(row.amount) }));
    },

    unsettledOrders: (atMs, limit, offset = 0) =>
      unsettledOrders(db, new Date(atMs), limit, offset),

    async cancelledReservations(_atMs, limit, offset = 0) {
      const rows = await db
        .selectFrom('reservation')
        .innerJoin('session', 'session.session_id', 'reservation.session_id')
        .select('reservation.reservation_id as id')
        .where('session.cancelled_at', 'is not', null)
        .where('reservation.status', 'in', ['held', 'sold'])
        .where('reservation.order_id', 'is', null)
        .limit(limit)
        .offset(offset)
        .execute();
      return rows.map(({ id }) => id);
    },
  };
}

/** Orders that wait for their end, and ended orders that still have a seat. */
async function unsettledOrders(
  db: Kysely<Database>,
  at: Date,
  limit: number,
  offset: number,
): Promise<readonly string[]> {
  const waiting = db
    .selectFrom('reservation')
    .select(['reservation_id as id', 'unsettled_since as at'])
    .where('unsettled_since', '<=', at);
  const keepingSeats = db
    .selectFrom('reservation as seat')
    .innerJoin('reservation as order', (join) =>
      join.on('order.reservation_id', '=', sql`'order.' || seat.order_id`),
    )
    .select(['order.reservation_id as id', 'seat.reserved_at as at'])
    .where('seat.status', '=', 'held')
    .where('seat.order_id', 'is not', null)
    .where('seat.reserved_at', '<=', at)
    .where('order.status', '=', 'released');
  const rows = await waiting
    .union(keepingSeats)
    .orderBy('at')
    .limit(limit)
    .offset(offset)
    .execute();
  return [...new Set(rows.map(({ id }) => id))];
}
