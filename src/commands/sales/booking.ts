import type { EventData } from '../../events/events.ts';
import type { Bill } from '../account/accounts.ts';
import { holdExpired, type Refusal, type Result, refuse } from '../core/result.ts';
import type { CommandContext } from './roles.ts';

/**
 * What paying and cancelling need to know of a reservation. One seat (`seat/seat-bookings.ts`) and an order of several
 * (`order/order-bookings.ts`) have it each: one stream arbitrates, the seat's own or the order's.
 */
export interface Bookings {
  /**
   * The buyer's reservation and what became of it, for ever: from memory where that says that it can still be paid or cannot
   * change any more, else, and when `fresh`, from the log. Refused as `reservation-not-found` when there never was one, as
   * `reservation-not-yours` unless it is `userId`'s (undefined: the organiser asks).
   */
  find(
    reservationId: string,
    asked: {
      readonly userId: string | undefined;
      readonly nowMs: number;
      readonly fresh?: boolean;
    },
  ): Promise<Result<Booking>>;

  /** Sells to the reservation's payment, unless the hold ended; sold to it already is done. */
  sell(reservationId: string, nowMs: number, origin: Origin): Promise<Result<unknown>>;

  /** What follows a sale once it is certain; again is done already. */
  followSale(reservationId: string): Promise<void>;

  /** Ends the hold when its time is over, and tells what became of the reservation. */
  expire(reservationId: string, nowMs: number): Promise<Result<BookingStatus>>;

  /**
   * Gives a held reservation back; a sold one is refunded before `refundUntilMs(sessionId)`. Answers with the cancelled or
   * refunded reservation, also when it was so before. Refused like `find`, and as `hold-expired` when it ended another way.
   */
  cancel(
    reservationId: string,
    terms: {
      readonly userId: string | undefined;
      readonly nowMs: number;
      readonly refundUntilMs: (sessionId: string) => number;
    },
    origin: Origin,
  ): Promise<Result<Booking>>;
}

export type Origin = Omit<CommandContext, 'commandId'>;

/** A reservation, whatever became of it. */
export interface Booking extends Bill {
  readonly sessionId: string;
  readonly seatIds: readonly string[];
  readonly expiresAtMs: number;
  readonly status: BookingStatus;
}

/** `held` also when its time is over and nobody has ended it yet. Of the others only `sold` can change: to `refunded`. */
export type BookingStatus = 'held' | 'sold' | EventData['OrderEnded']['reason'];

/** Could it still be paid, or was it? */
export const isOpen = (status: BookingStatus): status is 'held' | 'sold' =>
  status === 'held' || status === 'sold';

/** Why nobody can pay the reservation any more; undefined when it can be paid or is. */
export function whyNotPayable(
  { status, expiresAtMs }: Booking,
  nowMs: number,
): { ok: false; refusal: Refusal } | undefined {
  switch (status) {
    case 'sold':
      return undefined;
    case 'held':
      return expiresAtMs <= nowMs ? holdExpired : undefined;
    case 'cancelled':
    case 'refunded':
      return refuse('already-released', `the reservation was ${status}`);
    case 'expired':
    case 'not-all':
      return holdExpired;
  }
}

export const notYours = refuse('reservation-not-yours', 'this reservation is somebody else’s');
