/** The result of a command: a value with the log position that made it true, or a refusal. */
export type Result<T> =
  | {
      readonly ok: true;
      readonly value: T;
      /**
       * The position of the event that made the answer true. Null if an earlier, unknown event did.
       */
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
  /** The time until the same command may succeed, in seconds. HTTP sends it as Retry-After. */
  readonly retryAfterSeconds?: number;
}

export type RefusalCode =
  | 'concert-not-found'
  | 'session-not-found'
  | 'seat-not-found'
  | 'reservation-not-found'
  /** Another buyer holds the seat or has bought it. */
  | 'seat-taken'
  /** The hold ended, by its time or a release, before it was paid. */
  | 'hold-expired'
  | 'reservation-not-yours'
  | 'sales-not-open'
  | 'session-cancelled'
  /** A sold seat is refunded only up to a cut-off before the session starts. */
  | 'refund-too-late'
  /** The buyer would hold more seats of the session than a buyer may. */
  | 'too-many-seats'
  /** The buyer would hold more seats of all sessions together than a buyer may. */
  | 'too-many-held'
  /** The buyer would have more seats of the session, held and bought, than a buyer may. */
  | 'too-many-bought'
  /** The buyer held the seat a short time ago and did not pay. */
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
  /** The command would change the seats of a session that is on sale. Command line only. */
  | 'seat-map-changed'
  /** Another concert has a session of this id. Command line only. */
  | 'session-elsewhere'
  /**
   * No reader could read the events of the command, so nothing is written. The caller has not
   * checked the input correctly.
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

/** @param concertId the concert of the search; default: all concerts */
export const noSession = (sessionId: string, concertId?: string) =>
  refuse(
    'session-not-found',
    `there is no session ${sessionId}${concertId === undefined ? '' : ` of concert ${concertId}`}`,
  );
