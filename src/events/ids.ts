import { z } from 'zod';

const idPattern = /^[A-Za-z0-9_-]{1,64}$/;

const numberRule = 'must be a whole number from 0 to 2^53 − 1';

/**
 * An id in the API: `[A-Za-z0-9_-]{1,64}`, or a whole number ≥ 0 (up to 2^53 − 1). A number is
 * stored as its decimal string, so `7` and `"7"` name the same thing.
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
 * The parts of a reservation's name: its seat, and the number of its hold on this seat (from 1).
 */
export interface ReservationRef {
  readonly sessionId: string;
  readonly seatId: string;
  readonly ordinal: number;
  /**
   * In a restored log, the first characters of its epoch. Without it, an id that was lost in the
   * restore would be used again.
   */
  readonly epoch?: string;
}

/**
 * Characters of an epoch in an id. So many are enough to distinguish the few logs that a shop ever
 * has.
 */
const epochLength = 8;

/**
 * `<sessionId>.<seatId>.<ordinal>`, in a restored log followed by `-<epoch>`. A reservation's id
 * names its stream, so paying needs no search.
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

/**
 * The order of such a reservation id. Undefined if it is a seat's reservation, or not a reservation
 * id.
 */
export function parseOrderReservationId(id: string): string | undefined {
  return /^order\.([A-Za-z0-9_-]{1,64})$/.exec(id)?.[1];
}

/** A reservation has at most one payment, so the payment's id is made from the reservation's id. */
export function paymentId(reservation: string): string {
  return `pay.${reservation}`;
}
