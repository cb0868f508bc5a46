/**
 * A place in `$all`, as the protocol names it: in two halves, compared one after the other. Both
 * halves of an event's place are the same. A checkpoint may stand before an event that its first
 * half names: (P, 0) comes before the event at (P, P).
 */
export interface LogPosition {
  readonly commit: number;
  readonly prepare: number;
}

/**
 * Before every event, also one at (0, 0). The protocol writes it as the greatest number there is,
 * twice.
 */
export const beforeAll: LogPosition = { commit: -1, prepare: -1 };

export function placeOf(eventPosition: number): LogPosition {
  return { commit: eventPosition, prepare: eventPosition };
}

/** Below zero when `a` comes first, zero when they are the same place. */
export function compare(a: LogPosition, b: LogPosition): number {
  return a.commit - b.commit || a.prepare - b.prepare;
}

/** The lowest position of an event at this place or after it. */
export function firstFrom({ commit, prepare }: LogPosition): number {
  return prepare <= commit ? commit : commit + 1;
}
