import type { Result } from '../core/result.ts';

/**
 * What buyers can do: the commands as `http/` calls them. `commandId` makes a command the same command when it comes
 * again (a retried request); callers without an idempotency key pass a fresh UUID. Every method may throw
 * EventStoreUnavailable, within its timeout.
 */
export interface Shop {
  /**
   * Holds seats of one session for the user, all or none. Reserving again what the user holds answers with that hold.
   * Two seats and more are an order, one reservation.
   */
  reserve(command: {
    readonly concertId: string;
    readonly sessionId: string;
    /** Without doubles; at least one. */
    readonly seatIds: readonly string[];
    readonly userId: string;
    readonly context: CommandContext;
  }): Promise<Result<Reservation>>;

  /** Pays held seats from the user's balance. Paying again what was paid answers with that payment. */
  pay(command: BuyerCommand): Promise<Result<Payment>>;

  /** Gives held seats back; sold ones for their money, until the cut-off before the session. Again is done already. */
  cancel(command: BuyerCommand): Promise<Result<Cancellation>>;

  /** Is there such a reservation, whoever's it is? Refused as `reservation-not-found` when there is not; writes nothing. */
  find(reservationId: string): Promise<Result<unknown>>;

  /** Adds to the user's balance, once a charge id. */
  charge(command: {
    readonly userId: string;
    readonly chargeId: string;
    readonly amount: number;
    readonly context: CommandContext;
  }): Promise<Result<Charge>>;
}

/** What a buyer asks of a reservation of his own. */
export interface BuyerCommand {
  readonly userId: string;
  readonly reservationId: string;
  readonly context: CommandContext;
}

/** Who asked, for the events' metadata. */
export interface CommandContext {
  readonly commandId: string;
  readonly correlationId?: string;
  readonly traceparent?: string;
  /** `performance.now()` after which nothing is appended for it any more; not stored. Default: no end. */
  readonly deadlineMs?: number;
}

export interface Reservation {
  readonly reservationId: string;
  readonly status: 'held';
  readonly seatIds: readonly string[];
  readonly price: number;
  readonly currency: string;
  /** ISO 8601 UTC. */
  readonly expiresAt: string;
}

export interface Payment {
  readonly paymentId: string;
  readonly reservationId: string;
  readonly amount: number;
  readonly currency: string;
  /** What can be spent after the payment. */
  readonly balance: number;
}

export interface Cancellation {
  readonly reservationId: string;
  readonly status: 'cancelled' | 'refunded';
  /** What came back to the balance; 0 when nothing was paid. */
  readonly refunded: number;
  readonly currency: string;
}

export interface Charge {
  readonly userId: string;
  readonly chargeId: string;
  readonly balance: number;
  readonly currency: string;
}
