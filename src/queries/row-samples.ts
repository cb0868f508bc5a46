import { type Kysely, sql } from 'kysely';
import { accountStream, seatStream } from '../events/streams.ts';
import type { Database } from '../projections/models/database.ts';

/** A stream's row in one snapshot of the tables. */
export interface SampledRow {
  readonly stream: string;
  /** For a seat: `held by user for reservation`. For an account: its balance and its held money. */
  readonly says: string;
}

/** Rows of one snapshot. */
export interface Sample {
  /** The position of the last event in the tables; null before the first. */
  readonly upTo: bigint | null;
  readonly rows: readonly SampledRow[];
  /** The last stream of the sample, with or without a row; undefined if the sample is empty. */
  readonly last: string | undefined;
}

/** A seat's row as text. The last event of its stream must give the same. */
export const seatSays = (status: string, reservationId: string | null, userId: string | null) =>
  status === 'available' ? status : `${status} by ${userId} for ${reservationId}`;

/** The same of an account. */
export const accountSays = (balance: bigint | number, held: bigint | number): string =>
  `${balance} to spend, ${held} held`;

/** Samples of rows that are compared with the log, without those of parked streams. */
export interface RowSamples {
  /** The rows of these streams. Only streams of seats and accounts have rows. */
  of(streams: readonly string[]): Promise<Sample>;
  /** The next rows of a walk over all rows, in key order; undefined begins at the start. */
  next(after: string | undefined, limit: number): Promise<Sample>;
  /** Rows that should have changed since: holds that are over, and payments that are still open. */
  stuck(sinceMs: number, limit: number): Promise<Sample>;
}

export function rowSamples(db: Kysely<Database>): RowSamples {
  const sample = async (streams: ReturnType<typeof sql>): Promise<Sample> => {
    const { rows } = await sql<{
      upTo: bigint | null;
      streams: string[] | null;
      seats: { stream: string; status: string; reservation: string | null; user: string | null }[];
      accounts: { stream: string; balance: string; held: string }[];
    }>`
      WITH wanted AS (${streams}),
      seats AS (
        SELECT wanted.stream, status, reservation_id, user_id FROM wanted JOIN seat
        ON stream LIKE 'seat-%' AND session_id = split_part(substr(stream, 6), '/', 1)
          AND seat_id = split_part(stream, '/', 2)
        WHERE NOT EXISTS (SELECT FROM parked_event AS p WHERE p.stream = wanted.stream)
      ), accounts AS (
        SELECT wanted.stream, balance, held FROM wanted JOIN account
        ON stream LIKE 'account-%' AND user_id = substr(stream, 9)
        WHERE NOT EXISTS (SELECT FROM parked_event AS p WHERE p.stream = wanted.stream)
      )
      SELECT (SELECT min(event_position) FROM projection_checkpoint) AS "upTo",
        (SELECT array_agg(stream) FROM wanted) AS streams,
        (SELECT coalesce(json_agg(json_build_object('stream', stream, 'status', status,
           'reservation', reservation_id, 'user', user_id)), '[]') FROM seats) AS seats,
        (SELECT coalesce(json_agg(json_build_object('stream', stream, 'balance', balance::text,
           'held', held::text)), '[]') FROM accounts) AS accounts`.execute(db);
    const [row] = rows;
    if (row === undefined) throw new Error('a SELECT without FROM has one row');
    return {
      upTo: row.upTo,
      last: row.streams?.at(-1),
      rows: [
        ...row.seats.map(({ stream, status, reservation, user }) => ({
          stream,
          says: seatSays(status, reservation, user),
        })),
        ...row.accounts.map(({ stream, balance, held }) => ({
          stream,
          says: accountSays(BigInt(balance), BigInt(held)),
        })),
      ],
    };
  };
  return {
    of: (streams) => sample(sql`SELECT unnest(${streams}::text[]) AS stream`),
    next: (after, limit) =>
      sample(after?.startsWith('account-') ? accounts(after, limit) : seats(after, limit)),
    stuck: (sinceMs, limit) => {
      const since = new Date(sinceMs);
      return sample(sql`
        (SELECT 'seat-' || session_id || '/' || split_part(reservation_id, '.', 2) AS stream
         FROM reservation WHERE status = 'held' AND expires_at <= ${since}
           AND split_part(reservation_id, '.', 3) <> '' ORDER BY expires_at LIMIT ${limit})
        UNION ALL
        (SELECT 'account-' || user_id FROM payment WHERE status = 'held' AND held_at <= ${since}
         ORDER BY held_at LIMIT ${limit})`);
    },
  };
}

const seats = (after: string | undefined, limit: number) => {
  const [session = '', seat = ''] = (after ?? seatStream('', '')).slice('seat-'.length).split('/');
  return sql`SELECT 'seat-' || session_id || '/' || seat_id AS stream FROM seat
    WHERE (session_id, seat_id) > (${session}, ${seat}) ORDER BY session_id, seat_id LIMIT ${limit}`;
};

const accounts = (after: string, limit: number) =>
  sql`SELECT 'account-' || user_id AS stream FROM account
    WHERE user_id > ${after.slice(accountStream('').length)} ORDER BY user_id LIMIT ${limit}`;
