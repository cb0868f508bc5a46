/** What a command answers: a value with the log position that made it true, or a refusal. */
export type Result<T> =
  | {
      readonly ok: true;
      readonly value: T;
      /** Position of the event that made it so; null when it was so before and is not known. */
      readonly position: bigint | null;
    }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * A business refusal: stable code, a sentence for people, and facts that help the client. The
 * status and the title that HTTP gives each code are in the table of `src/http/problems.ts`.
 */
export interface Refusal {
  readonly code: RefusalCode;
  readonly detail: string;
  /** When the same may be tried again with success, in seconds from now. HTTP says Retry-After. */
  readonly retryAfterSeconds?: number;
}

export type RefusalCode =
  | 'concert-not-found'
  | 'session-not-found'
  | 'seat-not-found'
  | 'reservation-not-found'
  /** Somebody else holds or bought the seat. */
  | 'seat-taken'
  /** The hold ended, by its time or a release, before it was paid. */
  | 'hold-expired'
  | 'reservation-not-yours'
  | 'sales-not-open'
  | 'session-cancelled'
  /** A sold seat is refunded only up to a cut-off before the session starts. */
  | 'refund-too-late'
  /** The buyer would hold more seats of the session than one may. */
  | 'too-many-seats'
  /** The buyer would hold more seats of all sessions together than one may. */
  | 'too-many-held'
  /** The buyer would have more seats of the session, held and bought, than one may. */
  | 'too-many-bought'
  /** The buyer held the seat until lately and did not pay. */
  | 'hold-again-later'
  /**
   * The first request with this idempotency key has no answer yet. HTTP says 409 with Retry-After.
   */
  | 'request-running'
  | 'balance-too-small'
  /** The charge would take the balance above 2^53 − 1. */
  | 'balance-too-large'
  /** A charge with this id but another amount exists. */
  | 'idempotency-key-reused'
  /** The payment was captured: it cannot end another way. */
  | 'already-captured'
  /**
   * The reservation was cancelled or refunded, or the payment released: it can no longer be paid.
   */
  | 'already-released'
  /** A session that is on sale would get other seats. Command line only. */
  | 'seat-map-changed'
  /** Another concert has a session of this id. Command line only. */
  | 'session-elsewhere'
  /**
   * What the command would write could not be read again, so nothing is written: its input was not
   * checked as it should be.
   */
  | 'unwritable'
  /** Too many commands wait for this stream. HTTP says 503 with Retry-After. */
  | 'overloaded';

export const refuse = (
  code: RefusalCode,
  detail: string,
  retryAfterSeconds?: number,
): { ok: false; refusal: Refusal } => ({
  ok: false,
  refusal: { code, detail, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) },
});

export const holdExpired = refuse('hold-expired', 'the hold ended before it was paid');

export const noConcert = (concertId: string) =>
  refuse('concert-not-found', `there is no concert ${concertId}`);

/** @param concertId where it was looked for; default: everywhere */
export const noSession = (sessionId: string, concertId?: string) =>
  refuse(
    'session-not-found',
    `there is no session ${sessionId}${concertId === undefined ? '' : ` of concert ${concertId}`}`,
  );
