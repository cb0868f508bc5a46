/**
 * A hold may be unresolved for so long after it ended, a payment after it began, in milliseconds.
 */
export const graceMsDefault = 15_000;

/** Violations that are kept to be listed; all are counted. */
export const listedMaxDefault = 100;
