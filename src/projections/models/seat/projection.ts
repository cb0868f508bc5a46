import { seatsOf } from '../../../commands/concert/decider.ts';
import type { Projection } from '../projection.ts';
import { patch, put, type Table } from '../row-change.ts';

export type SeatRow = {
  readonly session_id: string;
  readonly seat_id: string;
  /** Place in seat-map order, from 0. */
  readonly ordinal: number;
  readonly section: string;
  readonly row_name: string;
  readonly seat_number: number;
  readonly price: number;
  readonly currency: string;
  readonly status: 'available' | 'held' | 'sold';
  /** The reservation that has the seat; null while the seat is available. */
  readonly reservation_id: string | null;
  readonly user_id: string | null;
};

export const seatTable: Table<SeatRow> = {
  name: 'seat',
  columns: {
    session_id: 'text',
    seat_id: 'text',
    ordinal: 'integer',
    section: 'text',
    row_name: 'text',
    seat_number: 'integer',
    price: 'bigint',
    currency: 'text',
    status: 'text',
    reservation_id: 'text',
    user_id: 'text',
  },
  key: ['session_id', 'seat_id'],
};

/** Every seat of every session, with its reservation. */
export const seatProjection: Projection = {
  name: 'seat',
  version: 1,
  tables: [seatTable],
  on: {
    SessionScheduled({ data }) {
      const free = { status: 'available', reservation_id: null, user_id: null } as const;
      const rows = Array.from(seatsOf(data.sections), (seat, ordinal) => ({
        session_id: data.sessionId,
        seat_id: seat.seatId,
        ordinal,
        section: seat.section,
        row_name: seat.row,
        seat_number: seat.number,
        price: seat.price,
        currency: data.currency,
        ...free,
      }));
      return [put(seatTable, rows)];
    },
    SeatReserved: ({ data, stream }) => [
      patch(seatTable, [stream.sessionId, stream.seatId], {
        status: 'held',
        reservation_id: data.reservationId,
        user_id: data.userId,
      }),
    ],
    SeatSold: ({ data, stream }) => [
      patch(seatTable, [stream.sessionId, stream.seatId], {
        status: 'sold',
        reservation_id: data.reservationId,
        user_id: data.userId,
      }),
    ],
    SeatReleased: ({ stream }) => [
      patch(seatTable, [stream.sessionId, stream.seatId], {
        status: 'available',
        reservation_id: null,
        user_id: null,
      }),
    ],
  },
};
