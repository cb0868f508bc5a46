import type { EventData } from '../../events/events.ts';
import {
  parseOrderReservationId,
  parseReservationId,
  type ReservationRef,
} from '../../events/ids.ts';
import type { Bill } from '../account/accounts.ts';
import { holdExpired, type Refusal, refuse } from '../core/result.ts';

/** A reservation's id, resolved: which stream arbitrates, the seat's own or the order's. */
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

/** Undefined when it is no reservation's id. */
export function parseBookingRef(reservationId: string): BookingRef | undefined {
  const orderId = parseOrderReservationId(reservationId);
  if (orderId !== undefined) return { kind: 'order', reservationId, orderId };
  const seat = parseReservationId(reservationId);
  return seat && { kind: 'seat', reservationId, ...seat };
}

/** @throws Error when it is no reservation's id: for ids that the service made itself */
export function bookingRef(reservationId: string): BookingRef {
  const ref = parseBookingRef(reservationId);
  if (ref === undefined) throw new Error(`not the id of a reservation: ${reservationId}`);
  return ref;
}

/** A reservation in any state: what paying and cancelling need to know of it. */
export interface Booking extends Bill {
  readonly sessionId: string;
  readonly seatIds: readonly string[];
  readonly expiresAtMs: number;
  readonly status: BookingStatus;
}

/**
 * `held` also when its time is over and nobody has ended it yet. Of the others only `sold` can
 * change: to `refunded`.
 */
export type BookingStatus = 'held' | 'sold' | EventData['OrderEnded']['reason'];

/** Who asks for a reservation, and when. */
export interface Asked {
  /** Undefined: the organiser, who may see every reservation. */
  readonly userId: string | undefined;
  readonly nowMs: number;
  /** By the log, not as remembered. */
  readonly fresh?: boolean;
}

/** Who cancels a reservation, and until when a sold seat of a session is refunded. */
export interface CancelTerms extends Omit<Asked, 'fresh'> {
  readonly refundUntilMs: (sessionId: string) => number;
}

/** Why nobody can pay the reservation any longer; undefined when it can be paid or is. */
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
