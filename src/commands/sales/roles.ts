import type { Bill } from '../account/accounts.ts';
import type { CommandContext } from '../core/command-context.ts';
import type { Result } from '../core/result.ts';
import type { ClaimInDoubt } from '../hold-limit/seat-quota.ts';
import type { KnownHold } from '../seat/decider.ts';
import type { BookingStatus } from './booking.ts';

/** The roles of `Sales`, one per audience. Every method may throw EventStoreUnavailable. */

/** The commands of buyers, for `http/`. Every method respects the deadline of its context. */
export interface BuyerCommands {
  /**
   * Holds seats of one session for the user, all or none. If the user already holds them, the
   * answer is that hold. Two or more seats are an order, which is one reservation.
   */
  reserve(command: {
    readonly concertId: string;
    readonly sessionId: string;
    /** At least one, and each only once. */
    readonly seatIds: readonly string[];
    readonly userId: string;
    readonly context: CommandContext;
  }): Promise<Result<Reservation>>;

  /** Pays held seats from the user's balance. Paying again answers with the first payment. */
  pay(command: OwnReservation): Promise<Result<Payment>>;

  /**
   * Gives held seats back. Gives sold seats back for their money, until the cut-off before the
   * session. Idempotent.
   */
  cancel(command: OwnReservation): Promise<Result<Cancellation>>;

  /**
   * Is there such a reservation, of any user? Refused as `reservation-not-found` if there is none.
   * Writes nothing.
   */
  find(reservationId: string): Promise<Result<unknown>>;

  /**
   * The session of a reservation of any user; undefined if there is no such reservation. Writes
   * nothing, and reads the log only for an order that is not in memory.
   */
  sessionOf(reservationId: string): Promise<string | undefined>;

  /** Does the user hold the reservation now, without having paid it? Writes nothing. */
  holds(reservation: Omit<OwnReservation, 'context'>): Promise<boolean>;

  /** Adds to the user's balance, once per charge id. */
  charge(command: {
    readonly userId: string;
    readonly chargeId: string;
    readonly amount: number;
    readonly context: CommandContext;
  }): Promise<Result<Charge>>;
}

/** Finishes interrupted work, for `processes/`. Every method is idempotent. */
export interface Recovery {
  /**
   * Brings a held payment to its end. The stream of the seat or the order decides. Sold to this
   * payment: the money is captured. Still held by its reservation: the seat is sold, then the money
   * is captured. Sold and given back: `refund` does the rest. In any other case the money is
   * released, but only when the seat can no longer be sold to this payment.
   */
  settlePayment(payment: {
    readonly userId: string;
    readonly reservationId: string;
  }): Promise<Result<unknown>>;

  /** Gives the money of a refunded reservation back. */
  refund(bill: Bill): Promise<Result<unknown>>;

  /**
   * Ends an order that a crash has interrupted, and makes its seats follow it.
   * @returns whether nothing is left to do
   */
  settleOrder(reservationId: string): Promise<boolean>;

  /**
   * Ends a hold whose time is over. Does nothing if it was paid or released.
   * @param known the hold from a read model, which saves a read
   */
  expire(reservationId: string, known?: KnownHold): Promise<Result<BookingStatus>>;

  /**
   * Claims on held seats whose requests began before or at `sinceMs` and ended without a known
   * result on this instance.
   */
  claimsInDoubt(sinceMs: number, limit: number, offset?: number): Promise<readonly ClaimInDoubt[]>;

  /**
   * Withdraws such a claim unless its seats are held. Call it only when its request can no longer
   * have an effect.
   * @returns whether it is settled
   */
  settleClaim(claim: ClaimInDoubt): Promise<boolean>;
}

/** The organiser's commands for a cancelled session. */
export interface OrganiserCommands {
  /**
   * The reservation that, by the log, holds or has bought a seat. For a seat of an order, it is the
   * order's id. Undefined for a free seat.
   */
  reservationOf(sessionId: string, seatId: string): Promise<string | undefined>;

  /** Gives back a reservation of any user, of a cancelled session. */
  cancelForOrganiser(reservationId: string): Promise<Result<unknown>>;
}

/** A buyer's request about an own reservation. */
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
  /** The balance after the payment. */
  readonly balance: number;
}

export interface Cancellation {
  readonly reservationId: string;
  readonly status: 'cancelled' | 'refunded';
  /** The money that came back to the balance; 0 if nothing was paid. */
  readonly refunded: number;
  readonly currency: string;
}

export interface Charge {
  readonly userId: string;
  readonly chargeId: string;
  readonly balance: number;
  readonly currency: string;
}
