/**
 * A place in `$all`, in the form of the protocol. It has two halves, which are compared one after
 * the other. Both halves of an event's place are equal. A checkpoint may be right before an event:
 * (P, 0) comes before the event at (P, P).
 */
export interface LogPosition {
  readonly commit: number;
  readonly prepare: number;
}

/**
 * Before every event, even an event at (0, 0). In the protocol, both halves are the largest
 * possible number.
 */
export const beforeAll: LogPosition = { commit: -1, prepare: -1 };

export function placeOf(eventPosition: number): LogPosition {
  return { commit: eventPosition, prepare: eventPosition };
}

/** Negative if `a` comes first; zero if both are the same place. */
export function compare(a: LogPosition, b: LogPosition): number {
  return a.commit - b.commit || a.prepare - b.prepare;
}

/** The lowest position of an event at this place or after it. */
export function firstFrom({ commit, prepare }: LogPosition): number {
  return prepare <= commit ? commit : commit + 1;
}
