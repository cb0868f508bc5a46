import { z } from 'zod';

const idPattern = /^[A-Za-z0-9_-]{1,64}$/;

const numberRule = 'must be a whole number from 0 to 2^53 − 1';

/**
 * An id as the API takes it: `[A-Za-z0-9_-]{1,64}`, or a whole number ≥ 0 (up to 2^53 − 1), which
 * is kept as its decimal string: `7` and `"7"` name the same thing.
 */
export const idSchema = z.union([
  z.string().regex(idPattern, 'must be 1 to 64 of A-Z a-z 0-9 _ -'),
  z
    .number()
    .int(numberRule)
    .min(0, numberRule)
    .max(Number.MAX_SAFE_INTEGER, numberRule)
    .transform(String),
]);

/**
 * Names of one reservation: which seat's stream it is on, and which of that seat's holds it is
 * (from 1).
 */
export interface ReservationRef {
  readonly sessionId: string;
  readonly seatId: string;
  readonly ordinal: number;
  /**
   * Of a log that was restored: the first characters of its epoch. Without it, an id that was given
   * out and lost would come again.
   */
  readonly epoch?: string;
}

/** Characters of an epoch in an id: enough to tell the few logs that a shop ever has. */
const epochLength = 8;

/**
 * `<sessionId>.<seatId>.<ordinal>`, in a restored log with `-<epoch>` behind it: a reservation's id
 * names its stream, so paying needs no lookup.
 */
export function reservationId(ref: ReservationRef): string {
  const { sessionId, seatId, ordinal, epoch } = ref;
  const turn = epoch === undefined ? ordinal : `${ordinal}-${epoch.slice(0, epochLength)}`;
  return `${sessionId}.${seatId}.${turn}`;
}

const reservationPattern =
  /^([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{1,64})\.([1-9][0-9]{0,8})(?:-([0-9a-f]{8}))?$/;

/** The parts of a reservation id, or undefined when it is not one. */
export function parseReservationId(id: string): ReservationRef | undefined {
  const match = reservationPattern.exec(id);
  if (match === null) return undefined;
  const [, sessionId = '', seatId = '', ordinal, epoch] = match;
  const ref = { sessionId, seatId, ordinal: Number(ordinal) };
  return epoch === undefined ? ref : { ...ref, epoch };
}

/** `order.<orderId>`: the reservation of several seats at once. */
export const orderReservationId = (orderId: string): string => `order.${orderId}`;

/** The order of such a reservation id, or undefined when it is one seat's or none. */
export function parseOrderReservationId(id: string): string | undefined {
  return /^order\.([A-Za-z0-9_-]{1,64})$/.exec(id)?.[1];
}

/** A reservation is paid by exactly one payment, so its payment's id derives from it. */
export function paymentId(reservation: string): string {
  return `pay.${reservation}`;
}
