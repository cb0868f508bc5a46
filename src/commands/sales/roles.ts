import type { Bill } from '../account/accounts.ts';
import type { CommandContext } from '../core/command-context.ts';
import type { Result } from '../core/result.ts';
import type { ClaimInDoubt } from '../hold-limit/seat-quota.ts';
import type { KnownHold } from '../seat/decider.ts';
import type { BookingStatus } from './booking.ts';

/** The roles of `Sales`, one per audience. Every method may throw EventStoreUnavailable. */

/** What buyers can do, as `http/` calls it. Every method keeps to the deadline of its context. */
export interface BuyerCommands {
  /**
   * Holds seats of one session for the user, all or none. Reserving again what the user holds
   * answers with that hold. Two seats and more are an order: one reservation.
   */
  reserve(command: {
    readonly concertId: string;
    readonly sessionId: string;
    /** Without doubles; at least one. */
    readonly seatIds: readonly string[];
    readonly userId: string;
    readonly context: CommandContext;
  }): Promise<Result<Reservation>>;

  /** Pays held seats from the user's balance. Paying again answers with the first payment. */
  pay(command: OwnReservation): Promise<Result<Payment>>;

  /**
   * Gives held seats back; sold ones for their money, until the cut-off before the session.
   * Idempotent.
   */
  cancel(command: OwnReservation): Promise<Result<Cancellation>>;

  /**
   * Is there such a reservation, of any user? Refused as `reservation-not-found` when there is
   * none; writes nothing.
   */
  find(reservationId: string): Promise<Result<unknown>>;

  /**
   * The session of a reservation of any user; undefined when there is none. Writes nothing, and
   * reads the log only for an order that it does not remember.
   */
  sessionOf(reservationId: string): Promise<string | undefined>;

  /** Does the user hold it now, unpaid? Writes nothing. */
  holds(reservation: Omit<OwnReservation, 'context'>): Promise<boolean>;

  /** Adds to the user's balance, once per charge id. */
  charge(command: {
    readonly userId: string;
    readonly chargeId: string;
    readonly amount: number;
    readonly context: CommandContext;
  }): Promise<Result<Charge>>;
}

/** How what was left half way ends, as `processes/` calls it. Every method is idempotent. */
export interface Recovery {
  /**
   * Brings a held payment to its end; the stream of the seat or the order is the arbiter. Sold by
   * this payment: captured. Still held by its reservation: sold, then captured. Sold and given
   * back: left to `refund`. Anything else: released, and only after it can no longer be sold to
   * this payment.
   */
  settlePayment(payment: {
    readonly userId: string;
    readonly reservationId: string;
  }): Promise<Result<unknown>>;

  /** Gives the money of a refunded reservation back. */
  refund(bill: Bill): Promise<Result<unknown>>;

  /**
   * Ends an order that a crash left half way, and lets its seats follow it.
   * @returns whether nothing is left to do
   */
  settleOrder(reservationId: string): Promise<boolean>;

  /**
   * Ends a hold whose time is over; nothing happens when it was paid or released.
   * @param known the hold as a read model has it: saves a read
   */
  expire(reservationId: string, known?: KnownHold): Promise<Result<BookingStatus>>;

  /** Claims on held seats whose requests began by `sinceMs` and ended without an outcome here. */
  claimsInDoubt(sinceMs: number, limit: number, offset?: number): Promise<readonly ClaimInDoubt[]>;

  /**
   * Withdraws such a claim unless its seats are held. To be called once nothing can come of its
   * request any longer.
   * @returns whether it is settled
   */
  settleClaim(claim: ClaimInDoubt): Promise<boolean>;
}

/** What the organiser does with a session that is cancelled. */
export interface OrganiserCommands {
  /**
   * The reservation that holds or bought a seat by the log, an order's under the order's id;
   * undefined for a free seat.
   */
  reservationOf(sessionId: string, seatId: string): Promise<string | undefined>;

  /** Gives back a reservation of a session that was cancelled, of any user. */
  cancelForOrganiser(reservationId: string): Promise<Result<unknown>>;
}

/** What a buyer asks of a reservation of their own. */
export interface OwnReservation {
  readonly userId: string;
  readonly reservationId: string;
  readonly context: CommandContext;
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
