/** How long one request may take, in milliseconds. Everything that waits for a request to be over derives from it. */

/** A request's command has this long for all its appends and reads together; what is not done by then is answered 503. */
export const requestMaxMs = 4_500;

/** With less than this left no append is begun: it would hardly be answered in time, nor would those that go with it. */
export const appendMsMin = 1_000;

/** What the store was sent in time it writes this much later at most; then it gives up, as EventStoreDB does. */
const storeWriteMs = 2_000;

/** The clocks of two instances, and so the times that one reads of the other's events, differ by no more. */
const clocksApartMs = 500;

/** Nothing is written any more for a request that began this long ago: what it left half way, others may finish. */
export const requestOverMs = requestMaxMs + storeWriteMs + clocksApartMs;
