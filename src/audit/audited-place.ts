/** Absences kept of a place: the newest. */
const absencesMax = 200;

/** Most places have none: they share one. */
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
  /** Since when the user waits: the enrolment, or the admission that was not claimed. */
  waitsSinceMs: number;
  admittedMs: number | undefined;
  /** When the user did not poll as told, in the order in which it was told. */
  absences: readonly Absence[] = none;
  /** Admissions that were not claimed. */
  unclaimed = 0;
  /** What departed from the plain order. */
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

  /** Waits anew: absences of before say nothing any more. */
  isBackAgain(): void {
    this.absences = none;
  }

  note(code: string): void {
    if (!this.notes.includes(code)) this.notes = [...this.notes, code];
  }
}

/** What became of a stay, for a table of all of them. */
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
