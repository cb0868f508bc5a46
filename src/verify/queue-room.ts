import { type Moment, momentOf, type Report } from './finding.ts';
import type { Move } from './queue-proof.ts';

/**
 * A step of the steering may take this long to be known to who admits, in milliseconds: clocks
 * differ, and an instance that cannot read the log goes by the last step that it knows.
 */
const stepKnownMs = 60_000;
/**
 * An event is behind another one for certain when the log took it this much later, in milliseconds:
 * instances write in batches, which may come into the log in another order.
 */
const apartMs = 2_000;
/** Admissions kept to be judged, and looked at for one stay: the newest. About 100 bytes each. */
const admissionsMax = 20_000;
/** Users kept, of those who are inside or wait by the log: the newest. About 100 bytes each. */
const usersMax = 1_000_000;

interface Stay {
  readonly userId: string;
  readonly number: number;
  readonly admittedMs: number;
  /** Of the admission, among those of the room. */
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
  /** Others who were inside for certain. */
  inside: number;
}

interface Step {
  /** Null: the setting counts, which the log does not have. */
  readonly limit: number | null;
  readonly atMs: number;
}

/**
 * One room's places. Somebody was inside for certain from an admission to the `ended` of the same
 * number: a queue that has lost a place never tells its end. Both moments count by their times and
 * by their order in the log, so that neither clocks nor late batches matter.
 */
export class QueueRoom {
  readonly #report: Report;
  readonly #stays = new Map<string, Stay>();
  /** Who waits, by number, as far as the log has the enrolment. */
  readonly #numbers = new Map<number, string>();
  /** Numbers that another user has had since: by the first user. */
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

  /** The moves that follow are of this event. */
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

  /** The first of two with one number has it still: then both have. */
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

  /** Was the stay that ends now going on at another one's admission, by time and by the log? */
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
   * The highest limit that anybody may have gone by, of the steps so far in the log: whoever goes
   * by a step has read it there. Undefined when the log does not say.
   */
  #limitAt(atMs: number): number | undefined {
    // Either the log was away, and with it the steps, or its clock has stepped: steps have the
    // log's times.
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
