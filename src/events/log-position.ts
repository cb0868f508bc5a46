/**
 * A position in the log, as the event store defines it: two parts, compared by commit first. Both
 * parts of the position of our events are equal, so one number is enough
 * (`RecordedEvent.position`). A checkpoint may be a position without an event. (P, 0) is right
 * before an event at (P, P). A server may send it before that event exists.
 */
export interface LogPosition {
  readonly commit: bigint;
  readonly prepare: bigint;
}

/** Before the first event. */
type Start = null;

/**
 * No log is this long: the store's positions are signed 64-bit numbers, and the last ones mean
 * "none".
 */
const positionMax = 2n ** 63n - 2n;

/** Where an event is. */
export const eventAt = (position: bigint): LogPosition => ({ commit: position, prepare: position });

/** The position right before an event. A reader that continues from here gets that event first. */
export const rightBefore = (position: bigint): LogPosition => ({ commit: position, prepare: 0n });

export const isBefore = (a: LogPosition | Start, b: LogPosition | Start): boolean =>
  b !== null &&
  (a === null || a.commit < b.commit || (a.commit === b.commit && a.prepare < b.prepare));

/** The same for events. */
export const isEventBefore = (a: bigint | Start, b: bigint | Start): boolean =>
  b !== null && (a === null || a < b);

/**
 * The number of the last possible event up to a position. Exactly the events up to this number are
 * at or before the position.
 */
export const eventsUpTo = ({ commit, prepare }: LogPosition): bigint =>
  prepare < commit ? commit - 1n : commit;

/**
 * Can a log have this position? Servers up to 24.10.4 send (2^64 − 1, 2^64 − 1) if a scan has found
 * nothing.
 */
export const isPossible = ({ commit, prepare }: LogPosition): boolean =>
  commit <= positionMax && prepare <= commit;
