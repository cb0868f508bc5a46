/** The number of newest absences that are kept of a place. */
const absencesMax = 200;

/** Most places have no absences, so they share one empty list. */
const none: readonly never[] = [];

interface Absence {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A user's place in a room, by the log. Times are milliseconds since the epoch. */
export class Place {
  readonly userId: string;
  readonly number: number;
  /** Undefined when the log has no enrolment. */
  readonly enrolledMs: number | undefined;
  /** The start of the wait: the enrolment, or the admission that was not claimed. */
  waitsSinceMs: number;
  admittedMs: number | undefined;
  /** The times when the user did not poll in time, in the order of their reports. */
  absences: readonly Absence[] = none;
  /** Admissions that were not claimed. */
  unclaimed = 0;
  /** Exceptions from the plain order. */
  notes: readonly string[] = none;

  constructor(userId: string, number: number, enrolledMs: number | undefined, atMs: number) {
    this.userId = userId;
    this.number = number;
    this.enrolledMs = enrolledMs;
    this.waitsSinceMs = atMs;
  }

  wasAway(absence: Absence): void {
    this.absences = [...this.absences.slice(1 - absencesMax), absence];
  }

  /** The user waits again. Earlier absences no longer matter. */
  isBackAgain(): void {
    this.absences = none;
  }

  note(code: string): void {
    if (!this.notes.includes(code)) this.notes = [...this.notes, code];
  }
}

/** A stay and its result, for a table of all stays. */
export interface Stay {
  readonly room: string;
  readonly userId: string;
  readonly number: number;
  readonly enrolledMs: number | undefined;
  readonly admittedMs: number | undefined;
  readonly endedMs: number | undefined;
  readonly outcome: 'ended' | 'left' | 'cleared' | 'inside' | 'waiting' | 'not-in-log';
  readonly notes: readonly string[];
}
