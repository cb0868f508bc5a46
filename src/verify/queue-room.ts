import { type Moment, momentOf, type Report } from './finding.ts';
import type { Move } from './queue-proof.ts';

/**
 * A step of the steering may need this long until every instance applies it, in milliseconds. The
 * clocks differ, and an instance that cannot read the log uses the last step that it knows.
 */
const stepKnownMs = 60_000;
/**
 * It is certain that an event happened after another one only if the log received it this much
 * later, in milliseconds. Instances write in batches, and the log may receive the batches in
 * another order.
 */
const apartMs = 2_000;
/**
 * The largest number of admissions that are kept, and that are compared with one stay. The newest
 * ones are used. About 100 bytes each.
 */
const admissionsMax = 20_000;
/**
 * The largest number of admitted users, and of waiting users, that are kept. The newest ones are
 * kept. About 100 bytes each.
 */
const usersMax = 1_000_000;

interface Stay {
  readonly userId: string;
  readonly number: number;
  readonly admittedMs: number;
  /** The number of the admission in its room. */
  readonly order: number;
  /** The event that contains it. */
  readonly toldBy: Moment;
  /** A stay of the same user that had no end in the log when this one began. */
  readonly other: Stay | undefined;
}

/** An admission while the log states a limit. */
interface Admission {
  readonly stay: Stay;
  readonly limit: number;
  /** The number of other users who were certainly admitted at that time. */
  inside: number;
}

interface Step {
  /** Null: the setting counts. The log does not have it. */
  readonly limit: number | null;
  readonly atMs: number;
}

/**
 * The places of one room. A user was certainly admitted from the admission to the `ended` of the
 * same number, because a queue that has lost a place never reports its end. Both moments must agree
 * by their times and by their order in the log. So wrong clocks and late batches change nothing.
 */
export class QueueRoom {
  readonly #report: Report;
  readonly #stays = new Map<string, Stay>();
  /** The waiting users by number, if the log has their enrolment. */
  readonly #numbers = new Map<number, string>();
  /** Numbers that a second user has got, with their first user. */
  readonly #doubtful = new Map<number, string>();
  #steps: Step[] = [];
  #admissions: Admission[] = [];
  #order = 0;
  #event: Moment = { stream: '', revision: 0n, position: 0n, createdMs: 0 };

  constructor(report: Report) {
    this.#report = report;
  }

  steered(limit: number | null, atMs: number): void {
    this.#steps.push({ limit, atMs });
    const known = this.#steps.findLastIndex((step) => step.atMs < atMs - 2 * stepKnownMs);
    if (known > 0) this.#steps = this.#steps.slice(known);
  }

  /** The moves that follow are in this event. */
  begin(event: Moment): void {
    this.#event = momentOf(event);
  }

  see([kind, userId, number, atMs]: Move): void {
    if (kind === 'enrolled') this.#enrolled(userId, number);
    else if (kind !== 'cleared') this.#sameNumber(userId, number);
    if (kind === 'admitted') this.#admitted(userId, number, atMs);
    else if (kind === 'ended') this.#ended(userId, number, atMs);
    else if (kind === 'unclaimed' || kind === 'left') this.#forget(userId, number);
    if (kind === 'ended' || kind === 'left') this.#numbers.delete(number);
    if (kind === 'cleared') this.#numbers.clear();
  }

  #enrolled(userId: string, number: number): void {
    const first = this.#numbers.get(number);
    if (first !== undefined && first !== userId) this.#doubtful.set(number, first);
    this.#numbers.set(number, userId);
    dropOldest(this.#numbers, usersMax);
    dropOldest(this.#doubtful, admissionsMax);
  }

  /** If the first of two users with the same number still has it, both have it. */
  #sameNumber(userId: string, number: number): void {
    if (this.#doubtful.size === 0 || this.#doubtful.get(number) !== userId) return;
    this.#doubtful.delete(number);
    this.#report('wrong-queue', this.#event, `${userId} has number ${number} of somebody else`);
  }

  #admitted(userId: string, number: number, atMs: number): void {
    const before = this.#stays.get(userId);
    const other = before !== undefined && before.number !== number ? before : undefined;
    const stay: Stay = {
      ...{ userId, number, admittedMs: atMs, order: this.#order },
      ...{ toldBy: this.#event, other: other && { ...other, other: undefined } },
    };
    this.#order += 1;
    this.#stays.delete(userId);
    this.#stays.set(userId, stay);
    dropOldest(this.#stays, usersMax);
    const limit = this.#limitAt(atMs);
    if (limit === undefined) return;
    this.#admissions.push({ stay, limit, inside: 0 });
    if (this.#admissions.length > 2 * admissionsMax) {
      this.#admissions = this.#admissions.slice(admissionsMax);
    }
  }

  #ended(userId: string, number: number, atMs: number): void {
    const own = this.#stays.get(userId);
    const stay = own?.number === number ? own : own?.other;
    if (own === undefined || stay?.number !== number) return;
    if (stay !== own && this.#isInsideAt(own, stay, atMs)) this.#twice(stay, own.admittedMs);
    if (stay === own) this.#stays.delete(userId);
    this.#wasInside(stay, atMs);
  }

  #wasInside(ended: Stay, endedMs: number): void {
    const { order } = ended;
    const admissions = this.#admissions;
    const least = Math.max(0, admissions.length - admissionsMax);
    for (let at = admissions.length - 1; at >= least; at -= 1) {
      const admission = admissions[at] as Admission;
      const { stay, limit } = admission;
      if (stay.order <= order) return;
      if (!this.#isInsideAt(stay, ended, endedMs)) continue;
      admission.inside += 1;
      if (admission.inside !== limit) continue;
      const when = new Date(stay.admittedMs).toISOString();
      const detail = `${stay.userId} was admitted at ${when} with ${limit} inside, ${limit} at most`;
      this.#report('queue-over-limit', stay.toldBy, detail);
    }
  }

  /**
   * Was the user whose stay ends now still admitted at another user's admission, by time and by the
   * log?
   */
  #isInsideAt({ admittedMs, toldBy }: Stay, ended: Stay, endedMs: number): boolean {
    const isByTime = admittedMs >= ended.admittedMs && admittedMs < endedMs;
    return isByTime && toldBy.createdMs < this.#event.createdMs - apartMs;
  }

  #twice({ userId, admittedMs }: Stay, atMs: number): void {
    const [since, at] = [admittedMs, atMs].map((ms) => new Date(ms).toISOString());
    const detail = `${userId} was admitted at ${at}, inside since ${since}`;
    this.#report('queue-inside-twice', this.#event, detail);
  }

  #forget(userId: string, number: number): void {
    if (this.#stays.get(userId)?.number === number) this.#stays.delete(userId);
  }

  /**
   * The highest limit that an instance may have applied, by the steps that the log has so far. An
   * instance applies a step only after it has read it there. Undefined if the log does not show the
   * limit.
   */
  #limitAt(atMs: number): number | undefined {
    // Either the instance could not reach the log and its steps, or the clock of the log has
    // jumped. The times of steps are those of the log.
    if (Math.abs(this.#event.createdMs - atMs) > stepKnownMs) return undefined;
    const from = this.#steps.findLastIndex((step) => step.atMs < atMs - stepKnownMs);
    if (from < 0) return undefined;
    let limit = 0;
    for (const step of this.#steps.slice(from)) {
      if (step.limit === null) return undefined;
      limit = Math.max(limit, step.limit);
    }
    return limit;
  }
}

function dropOldest(map: Map<unknown, unknown>, max: number): void {
  if (map.size <= max) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
