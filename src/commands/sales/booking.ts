import type { EventData } from '../../events/events.ts';
import {
  parseOrderReservationId,
  parseReservationId,
  type ReservationRef,
} from '../../events/ids.ts';
import type { Bill } from '../account/accounts.ts';
import { holdExpired, type Refusal, refuse } from '../core/result.ts';

/** A parsed reservation id. It says which stream decides, the seat's own or the order's. */
export type BookingRef = SeatBookingRef | OrderBookingRef;

export interface SeatBookingRef extends ReservationRef {
  readonly kind: 'seat';
  readonly reservationId: string;
}

export interface OrderBookingRef {
  readonly kind: 'order';
  readonly reservationId: string;
  readonly orderId: string;
}

/** Undefined if the text is not a reservation's id. */
export function parseBookingRef(reservationId: string): BookingRef | undefined {
  const orderId = parseOrderReservationId(reservationId);
  if (orderId !== undefined) return { kind: 'order', reservationId, orderId };
  const seat = parseReservationId(reservationId);
  return seat && { kind: 'seat', reservationId, ...seat };
}

/**
 * For ids that the service itself made.
 * @throws Error if the text is not a reservation's id
 */
export function bookingRef(reservationId: string): BookingRef {
  const ref = parseBookingRef(reservationId);
  if (ref === undefined) throw new Error(`not the id of a reservation: ${reservationId}`);
  return ref;
}

/** A reservation in any state, with the facts that paying and cancelling need. */
export interface Booking extends Bill {
  readonly sessionId: string;
  readonly seatIds: readonly string[];
  readonly expiresAtMs: number;
  readonly status: BookingStatus;
}

/**
 * It stays `held` after the end of its time until somebody ends it. Of the other states, only
 * `sold` can change, to `refunded`.
 */
export type BookingStatus = 'held' | 'sold' | EventData['OrderEnded']['reason'];

/** The caller of a query for a reservation, and the time. */
export interface Asked {
  /** Undefined: the organiser, who may see every reservation. */
  readonly userId: string | undefined;
  readonly nowMs: number;
  /** Read the log instead of the remembered state. */
  readonly fresh?: boolean;
}

/**
 * The caller who cancels a reservation, and the time until which a sold seat of a session is
 * refunded.
 */
export interface CancelTerms extends Omit<Asked, 'fresh'> {
  readonly refundUntilMs: (sessionId: string) => number;
}

/** Why nobody can pay the reservation any longer; undefined if it is paid or can be paid. */
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

export const notYours = refuse('reservation-not-yours', 'this reservation belongs to another user');

export const noReservation = (reservationId: string) =>
  refuse('reservation-not-found', `there is no reservation ${reservationId}`);
