/**
 * A position in the log, as the event store defines it: two parts, compared by commit first. Both
 * parts of the position of our events are equal, so one number is enough
 * (`RecordedEvent.position`). A checkpoint need not be the position of an event: (P, 0) is right
 * before an event at (P, P), and may be reported before that event exists.
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

/** Right before an event: a reader that resumes from here gets that event first. */
export const rightBefore = (position: bigint): LogPosition => ({ commit: position, prepare: 0n });

export const isBefore = (a: LogPosition | Start, b: LogPosition | Start): boolean =>
  b !== null &&
  (a === null || a.commit < b.commit || (a.commit === b.commit && a.prepare < b.prepare));

/** The same for events. */
export const isEventBefore = (a: bigint | Start, b: bigint | Start): boolean =>
  b !== null && (a === null || a < b);

/** Every event at or before this number is at or before the place, and no other event is. */
export const eventsUpTo = ({ commit, prepare }: LogPosition): bigint =>
  prepare < commit ? commit - 1n : commit;

/**
 * Can a log have it? Servers up to 24.10.4 send (2^64 − 1, 2^64 − 1) where a scan has found
 * nothing.
 */
export const isPossible = ({ commit, prepare }: LogPosition): boolean =>
  commit <= positionMax && prepare <= commit;
