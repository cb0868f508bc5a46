/**
 * How long one request may take, in milliseconds. Every wait for the end of a request uses these.
 */

import { assertAscending } from './bounds.ts';

/** All appends and reads of a request's commands together; then the answer is 503. */
export const requestMaxMs = 4_500;

/**
 * No append begins with less time left than this. Its answer would probably be late. Then the
 * answers of all commands in the same append would be late, too.
 */
export const appendMsMin = 1_000;

/** EventStoreDB gives up an append this long after it received it. */
const storeWriteMs = 2_000;

/**
 * The clocks of two instances differ by at most this. An instance reads times in the events of
 * another one.
 */
const clocksApartMs = 500;

/**
 * This long after its beginning, nothing more is written for a request. Then others may finish its
 * work.
 */
export const requestOverMs = requestMaxMs + storeWriteMs + clocksApartMs;

assertAscending({ appendMsMin, requestMaxMs, requestOverMs });
