import { z } from 'zod';
import { idSchema, parseOrderReservationId, parseReservationId } from '../events/ids.ts';

/** The largest amount of one charge, in minor units. */
export const chargeAmountMax = 1_000_000_000_000;

/** Ids as requests name them. */
export const concertIdField = idSchema.meta({ description: 'A concert’s id.' });
export const sessionIdField = idSchema.meta({ description: 'A session’s id.' });
export const seatIdField = idSchema.meta({ description: 'A seat’s id within its session.' });

/** The largest number of seats in a request. The shop's own bound is a setting. */
const seatIdsMax = 16;

/** One seat, or several: exactly one of the two fields, as `namesSeats` checks. */
export const seatFields = {
  seatId: seatIdField.optional(),
  seatIds: z
    .array(seatIdField)
    .min(1, 'must name a seat')
    .max(seatIdsMax, `must name ${seatIdsMax} seats at most`)
    .optional()
    .meta({ description: 'Instead of seatId: several seats of the session, all or none.' }),
};
export const namesSeats = (body: { seatId?: unknown; seatIds?: unknown }): boolean =>
  (body.seatId === undefined) !== (body.seatIds === undefined);

export const userIdField = idSchema.meta({ description: 'A user’s id.' });

export const reservationIdField = z
  .string()
  .refine(
    (id) => (parseReservationId(id) ?? parseOrderReservationId(id)) !== undefined,
    'must be a reservation’s id',
  )
  .meta({ description: 'The id of a reservation, from the answer that made it.' });

/** An id in an answer. */
export const idOut = z.string();
export const money = z.int().meta({ description: 'Whole minor units of the currency.' });
export const currency = z
  .string()
  .regex(/^[A-Z]{3}$/)
  .meta({ description: 'ISO 4217.' });
export const time = z.iso.datetime().meta({ description: 'ISO 8601, UTC.' });

/** A reservation as its owner sees it. */
export const reservationOut = z.object({
  reservationId: idOut,
  sessionId: idOut,
  seatIds: z.array(idOut),
  userId: idOut,
  status: z
    .enum(['held', 'sold', 'released'])
    .meta({ description: 'A hold cannot be paid after its expiresAt.' }),
  price: money,
  currency,
  reservedAt: time,
  expiresAt: time,
  paymentId: idOut.nullable().meta({ description: 'Set after the payment.' }),
  releaseReason: z
    .enum(['expired', 'cancelled', 'refunded', 'not-all'])
    .nullable()
    .meta({ description: 'Set after the release; not-all: another user had one of the seats.' }),
});
