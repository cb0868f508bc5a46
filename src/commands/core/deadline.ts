/**
 * How long one request may take, in milliseconds. Every wait for the end of a request uses these.
 */

import { assertAscending } from './bounds.ts';

/** All appends and reads of a request's commands together; then the answer is 503. */
export const requestMaxMs = 4_500;

/**
 * No append begins with less time than this left: its answer would hardly come in time, and neither
 * would the answers of the commands that are appended with it.
 */
export const appendMsMin = 1_000;

/** EventStoreDB gives up what it was sent in time after so much longer. */
const storeWriteMs = 2_000;

/** The clocks of two instances differ by no more: one reads the times of the other's events. */
const clocksApartMs = 500;

/** Nothing is written for a request that began so long ago: others may finish what it left. */
export const requestOverMs = requestMaxMs + storeWriteMs + clocksApartMs;

assertAscending({ appendMsMin, requestMaxMs, requestOverMs });
