import { assertAscending } from '../core/bounds.ts';
import { requestOverMs } from '../core/deadline.ts';
import { answerKeptMs } from '../idempotency/decider.ts';

/** A retried charge gets its first answer for so long: the API promises a day. In milliseconds. */
export const chargeKeptMs = 2 * 24 * 3_600_000;

/** No payment can start once its hold ended; this much later by any clock. In milliseconds. */
export const paymentKeptMs = 60_000;

assertAscending({ answerKeptMs, chargeKeptMs });
assertAscending({ requestOverMs, paymentKeptMs });

/**
 * Payments of an account that may hold money at the same moment. A snapshot lists each of them and
 * has to fit into the store, however long their ids are. No setting lets a buyer hold more seats.
 */
export const paymentsHeldMax = 1_000;
