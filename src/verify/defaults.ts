/**
 * A hold may be unresolved for this long after its end, and a payment for this long after its
 * beginning. In milliseconds.
 */
export const graceMsDefault = 15_000;

/** The largest number of listed violations. All are counted. */
export const listedMaxDefault = 100;
