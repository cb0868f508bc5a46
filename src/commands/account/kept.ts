/** A charge is answered again as the first time for two days: a day is what the API promises. In milliseconds. */
export const chargeKeptMs = 2 * 24 * 3_600_000;

/** No payment can start once its hold ended; this much later by any clock. In milliseconds. */
export const paymentKeptMs = 60_000;
