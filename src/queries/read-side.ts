import type { ReadSideStatus } from '../projections/projector.ts';
import type { ReservationView } from './reservations.ts';

/**
 * The queries of `http/`. A list is a prepared body. It is made when its rows change, not for each
 * request. Every method may throw ReadSideUnavailable, if PostgreSQL does not answer and memory has
 * no exact answer.
 */
export interface ReadSide {
  /** JSON array of concerts: `[{concertId, title, venue}]`. */
  concerts(): Promise<PreparedBody>;
  /** JSON array of a concert's sessions by start time, or undefined for an unknown concert. */
  sessions(concertId: string): Promise<PreparedBody | undefined>;
  /**
   * JSON object with `seatList`, the seats that the filter selects. Undefined for an unknown
   * concert, or a session of another one.
   */
  seats(
    concertId: string,
    sessionId: string,
    filter?: SeatFilter,
  ): Promise<PreparedBody | undefined>;
  /**
   * The seats at a past moment, by the times of the log's events. Also undefined if the session was
   * scheduled later. Each call queries PostgreSQL, and nothing is kept. Callers must limit the
   * number of parallel calls.
   */
  seatsAsOf(
    concertId: string,
    sessionId: string,
    asOfMs: number,
    filter?: SeatFilter,
  ): Promise<PreparedBody | undefined>;
  /**
   * A user's balance; zero for a user who never charged. `balance` can be spent, `held` is reserved
   * for open payments.
   */
  balance(
    userId: string,
  ): Promise<{ userId: string; balance: number; held: number; currency: string }>;

  /** A reservation of any user. Undefined for an unknown one, and for a single seat of an order. */
  reservation(id: string): Promise<ReservationView | undefined>;
  /**
   * A user's reservations, newest first, at most `limit`; with `before`, those made before that
   * reservation of the user.
   */
  reservations(userId: string, limit: number, before?: string): Promise<readonly ReservationView[]>;

  /**
   * Resolves with true when the read side shows everything up to a log position, and with false
   * after `timeoutMs`.
   */
  reached(position: bigint, timeoutMs: number): Promise<boolean>;

  /** The projection's health, for `/readyz`. */
  status(): ReadSideStatus;
}

export interface SeatFilter {
  /** Only seats of this section; no seats if there is no such section. */
  readonly section?: string | undefined;
  /** Free seats only. */
  readonly availableOnly?: boolean | undefined;
}

export interface PreparedBody {
  /** UTF-8 JSON, ready to send. */
  readonly body: Buffer;
  /** Strong ETag with its quotes; changes when the body does. */
  readonly etag: string;
  /** The chunks of a large body. Two bodies share equal chunks. */
  readonly chunks?: readonly Buffer[];
}

/** PostgreSQL gave no answer in time. HTTP answers 503 with Retry-After. */
export class ReadSideUnavailable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ReadSideUnavailable';
  }
}
