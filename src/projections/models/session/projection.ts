import type { Section } from '../../../events/events.ts';
import type { Fact, Projection } from '../projection.ts';
import { patch, put, type Table } from '../row-change.ts';

export type SessionRow = {
  readonly session_id: string;
  readonly concert_id: string;
  readonly starts_at: string;
  readonly sales_open_at: string;
  readonly currency: string;
  readonly seats_total: number;
  readonly seats_available: number;
  /** Null if the session is not cancelled. */
  readonly cancelled_at: string | null;
  /** Position of the last event that changed the row. */
  readonly version: string;
};

export const sessionTable: Table<SessionRow> = {
  name: 'session',
  columns: {
    session_id: 'text',
    concert_id: 'text',
    starts_at: 'timestamptz',
    sales_open_at: 'timestamptz',
    currency: 'text',
    seats_total: 'integer',
    seats_available: 'integer',
    cancelled_at: 'timestamptz',
    version: 'bigint',
  },
  key: ['session_id'],
  rising: ['version'],
};

/** One form of a time, so that times from an event and from PostgreSQL are equal. */
const isoUtc = (time: string): string => new Date(time).toISOString();

const countSeats = (sections: readonly Section[]): number =>
  sections.reduce((sum, { rows }) => sum + rows.reduce((n, { seats }) => n + seats.length, 0), 0);

const countBy =
  (seats: 1 | -1) =>
  ({ stream, position }: Fact<'SeatReserved'> | Fact<'SeatReleased'>) => [
    patch(sessionTable, [stream.sessionId], { version: position }, { seats_available: seats }),
  ];

/** Each concert's sessions and the number of their available seats. */
export const sessionProjection: Projection = {
  name: 'session',
  version: 1,
  tables: [sessionTable],
  on: {
    SessionScheduled({ data, stream, position }) {
      const seats = countSeats(data.sections);
      return [
        put(sessionTable, [
          {
            session_id: data.sessionId,
            concert_id: stream.concertId,
            starts_at: isoUtc(data.startsAt),
            sales_open_at: isoUtc(data.salesOpenAt),
            currency: data.currency,
            seats_total: seats,
            seats_available: seats,
            cancelled_at: null,
            version: position,
          },
        ]),
      ];
    },
    SessionRescheduled: ({ data, position }) => [
      patch(sessionTable, [data.sessionId], {
        starts_at: isoUtc(data.startsAt),
        sales_open_at: isoUtc(data.salesOpenAt),
        version: position,
      }),
    ],
    SessionCancelled: ({ data, at, position }) => [
      patch(sessionTable, [data.sessionId], { cancelled_at: at, version: position }),
    ],
    SeatReserved: countBy(-1),
    SeatReleased: countBy(1),
  },
};
