import type { EventData } from '../../../events/events.ts';
import { orderReservationId } from '../../../events/ids.ts';
import type { Projection } from '../projection.ts';
import { patch, put, type Table } from '../row-change.ts';

export type ReservationRow = {
  readonly reservation_id: string;
  readonly session_id: string;
  /** The seats' ids, joined by commas. */
  readonly seat_ids: string;
  readonly user_id: string;
  readonly status: 'held' | 'sold' | 'released';
  readonly price: number;
  readonly currency: string;
  readonly reserved_at: string;
  readonly expires_at: string;
  /** Set once it is sold. */
  readonly payment_id: string | null;
  /** Set once it is released. */
  readonly release_reason: EventData['SeatReleased']['reason'] | null;
  /** When it was last sold or released. */
  readonly resolved_at: string | null;
  /** The order that a seat's row is part of; null for the buyer's own reservation. */
  readonly order_id: string | null;
  /** The time since when an order is not settled; null if nothing is left to do. */
  readonly unsettled_since: string | null;
};

export const reservationTable: Table<ReservationRow> = {
  name: 'reservation',
  columns: {
    reservation_id: 'text',
    session_id: 'text',
    seat_ids: 'text',
    user_id: 'text',
    status: 'text',
    price: 'bigint',
    currency: 'text',
    reserved_at: 'timestamptz',
    expires_at: 'timestamptz',
    payment_id: 'text',
    release_reason: 'text',
    resolved_at: 'timestamptz',
    order_id: 'text',
    unsettled_since: 'timestamptz',
  },
  key: ['reservation_id'],
};

const key = ({ orderId }: { readonly orderId: string }) => [orderReservationId(orderId)];

/** The row of a seat or of an order that was just reserved. */
const held = (
  data: Pick<
    EventData['OrderPlaced'],
    'reservationId' | 'userId' | 'price' | 'currency' | 'expiresAt'
  >,
  at: string,
  own: Pick<ReservationRow, 'session_id' | 'seat_ids' | 'order_id' | 'unsettled_since'>,
) =>
  put(reservationTable, [
    {
      reservation_id: data.reservationId,
      session_id: own.session_id,
      seat_ids: own.seat_ids,
      user_id: data.userId,
      status: 'held',
      price: data.price,
      currency: data.currency,
      reserved_at: at,
      expires_at: data.expiresAt,
      payment_id: null,
      release_reason: null,
      resolved_at: null,
      order_id: own.order_id,
      unsettled_since: own.unsettled_since,
    },
  ]);

/**
 * Every reservation that was ever made. The rows of held ones are also the durable timer of their
 * holds.
 */
export const reservationProjection: Projection = {
  name: 'reservation',
  version: 1,
  tables: [reservationTable],
  on: {
    SeatReserved: ({ data, stream, at }) => [
      held(data, at, {
        session_id: stream.sessionId,
        seat_ids: stream.seatId,
        order_id: data.orderId ?? null,
        unsettled_since: null,
      }),
    ],
    SeatSold: ({ data, at }) => [
      patch(reservationTable, [data.reservationId], {
        status: 'sold',
        payment_id: data.paymentId,
        resolved_at: at,
      }),
    ],
    SeatReleased: ({ data, at }) => [
      patch(reservationTable, [data.reservationId], {
        status: 'released',
        release_reason: data.reason,
        resolved_at: at,
      }),
    ],
    OrderPlaced: ({ data, at }) => [
      held(data, at, {
        session_id: data.sessionId,
        seat_ids: data.seats.map(({ seatId }) => seatId).join(),
        order_id: null,
        unsettled_since: at,
      }),
    ],
    OrderConfirmed: ({ stream }) => [
      patch(reservationTable, key(stream), { unsettled_since: null }),
    ],
    OrderPaid: ({ data, stream, at }) => [
      patch(reservationTable, key(stream), {
        status: 'sold',
        payment_id: data.paymentId,
        resolved_at: at,
        unsettled_since: at,
      }),
    ],
    OrderEnded: ({ data, stream, at }) => [
      patch(reservationTable, key(stream), {
        status: 'released',
        release_reason: data.reason,
        resolved_at: at,
        unsettled_since: at,
      }),
    ],
    OrderSettled: ({ stream }) => [patch(reservationTable, key(stream), { unsettled_since: null })],
  },
};
