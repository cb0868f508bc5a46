import type { ReadSideStatus } from '../projections/projector.ts';
import type { ReservationView } from './reservations.ts';

/**
 * What `http/` asks of the read side. Lists come prepared: a body is made when what it shows changes, not a request.
 * Every method may throw ReadSideUnavailable (PostgreSQL is down and memory cannot answer exactly).
 */
export interface ReadSide {
  /** JSON array of concerts: `[{concertId, title, venue}]`. */
  concerts(): Promise<PreparedBody>;
  /** JSON array of a concert's sessions by start time, or undefined for an unknown concert. */
  sessions(concertId: string): Promise<PreparedBody | undefined>;
  /** JSON object with `seatList`, of the seats that the filter lets through, or undefined for an unknown concert or a session that is not the concert's. */
  seats(
    concertId: string,
    sessionId: string,
    filter?: SeatFilter,
  ): Promise<PreparedBody | undefined>;
  /**
   * The same as it was at a moment, by the times at which the log took its events; undefined also when the session was
   * not scheduled by then. PostgreSQL is asked each time, and nothing is kept: callers bound how many ask at once.
   */
  seatsAsOf(
    concertId: string,
    sessionId: string,
    asOfMs: number,
    filter?: SeatFilter,
  ): Promise<PreparedBody | undefined>;
  /** A user's balance: zero for a user who never charged. `balance` is what can be spent, `held` what payments under way hold. */
  balance(
    userId: string,
  ): Promise<{ userId: string; balance: number; held: number; currency: string }>;

  /** A reservation, whoever's it is; undefined for an unknown one, and for one seat of several reserved as one. */
  reservation(id: string): Promise<ReservationView | undefined>;
  /** A user's reservations, the newest first, at most `limit`; those made before the user's own `before`, when given. */
  reservations(userId: string, limit: number, before?: string): Promise<readonly ReservationView[]>;

  /**
   * Resolves when the read side shows everything up to a log position; false when that took longer than `timeoutMs`.
   */
  reached(position: bigint, timeoutMs: number): Promise<boolean>;

  /** The projection's health, for `/readyz`. */
  status(): ReadSideStatus;
}

export interface SeatFilter {
  /** This section's seats only; none when there is no such section. */
  readonly section?: string | undefined;
  /** Free seats only. */
  readonly availableOnly?: boolean | undefined;
}

export interface PreparedBody {
  /** UTF-8 JSON, ready to send. */
  readonly body: Buffer;
  /** Strong ETag with its quotes; changes when the body does. */
  readonly etag: string;
  /** The body in stretches, of a large one: those that two bodies have in common are the same buffers. */
  readonly chunks?: readonly Buffer[];
}

/** PostgreSQL gave no answer in time. HTTP says 503 with Retry-After. */
export class ReadSideUnavailable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ReadSideUnavailable';
  }
}
