import { assertAscending } from '../core/bounds.ts';
import { requestOverMs } from '../core/deadline.ts';
import { answerKeptMs } from '../idempotency/decider.ts';

/**
 * A repeated charge gets its first answer for this long, in milliseconds. The API promises one day.
 */
export const chargeKeptMs = 2 * 24 * 3_600_000;

/**
 * No payment can start after the end of its hold. After this further time, this is true by any
 * clock. In milliseconds.
 */
export const paymentKeptMs = 60_000;

assertAscending({ answerKeptMs, chargeKeptMs });
assertAscending({ requestOverMs, paymentKeptMs });

/**
 * Payments of an account that may hold money at the same moment. A snapshot lists each of them, and
 * it must fit into one append, even with the longest ids. No setting lets a buyer hold more seats.
 */
export const paymentsHeldMax = 1_000;
