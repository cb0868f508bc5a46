import { type Admission, RoomAdmissions } from './admissions.ts';
import { Place, type Stay } from './audited-place.ts';
import { findingWords } from './finding-words.ts';
import type { ExceptionCode, Findings, ViolationCode } from './findings.ts';
import { type Excess, Inside } from './inside.ts';
import type { QueueMove } from './move.ts';
import { Standstills } from './standstills.ts';
import type { RoomSteering } from './steering.ts';

/** Settings that the audit assumes, since the log does not have them. Times are milliseconds. */
export interface AuditSettings {
  /** QUEUE_ADMITTED_MAX, for a room that was not steered. */
  readonly places: number;
  /** An admitted place cannot be older than this. */
  readonly lifeMsMax: number;
  /** A present user polls again within this time. */
  readonly askMsMax: number;
}

export interface RoomParts {
  readonly room: string;
  readonly settings: AuditSettings;
  readonly steering: RoomSteering;
  readonly violations: Findings<ViolationCode>;
  readonly exceptions: Findings<ExceptionCode>;
  /** Only moves from this time on are checked. */
  readonly fromMs: number;
  readonly onStay: (stay: Stay) => void;
}

/** The numbers of a room in the period. */
export interface RoomFigures {
  enrolled: number;
  admitted: number;
  unclaimed: number;
  left: number;
  ended: number;
  cleared: number;
}

/** Checks the moves of one room, in the order of their times. */
export class RoomAudit {
  readonly figures: RoomFigures = {
    ...{ enrolled: 0, admitted: 0, unclaimed: 0, left: 0, ended: 0, cleared: 0 },
  };
  readonly #parts: RoomParts;
  readonly #places = new Map<string, Place>();
  readonly #admissions = new RoomAdmissions();
  readonly #inside: Inside;
  readonly #standstills = new Standstills();
  #highestNumber = 0;
  #highestEnrolledMs = 0;

  constructor(parts: RoomParts) {
    this.#parts = parts;
    this.#inside = new Inside(parts.settings.lifeMsMax);
  }

  get insideMost(): number {
    return this.#inside.most;
  }

  /** @param awayMs the start of the user's absence, if this move ends an absence */
  see([kind, userId, number, atMs]: QueueMove, awayMs?: number): void {
    this.#standstills.see(atMs);
    if (kind === 'cleared') this.#clear(atMs);
    else if (kind === 'enrolled') this.#enrol(userId, number, atMs);
    else this.#seeOf(kind, [userId, number, atMs], awayMs);
  }

  #seeOf(
    kind: QueueMove[0],
    [userId, number, atMs]: [userId: string, number: number, atMs: number],
    awayMs: number | undefined,
  ): void {
    const own = this.#places.get(userId);
    // The move belongs to an earlier place of the user, which has ended.
    if (own !== undefined && own.number > number) return;
    const place = own?.number === number ? own : this.#unknown(userId, number, kind, atMs);
    if (awayMs !== undefined) place.wasAway({ fromMs: awayMs, untilMs: atMs });
    if (kind === 'admitted') this.#admit(place, atMs);
    else if (kind === 'unclaimed') this.#unclaim(place, atMs);
    else if (kind === 'left') this.#leave(place, atMs);
    else if (kind === 'ended') this.#end(place, atMs);
  }

  /** Called after the last move. @param atMs its time */
  conclude(atMs: number): void {
    if (this.#inside.unexplained.length > 0) this.#loseOverdue(atMs);
    for (const excess of this.#inside.unexplained) this.#overLimit(excess);
    for (const place of this.#places.values()) {
      this.#stay(place, place.admittedMs === undefined ? 'waiting' : 'inside', undefined);
    }
    this.#places.clear();
  }

  /** The number of waiting users by the log. */
  get waiting(): number {
    return this.#places.size - this.#inside.count;
  }

  #enrol(userId: string, number: number, atMs: number): void {
    const before = this.#places.get(userId);
    if (before !== undefined) {
      if (before.admittedMs !== undefined) this.#lostEnd(before, atMs);
      else {
        const detail = findingWords.enrolledAgain(before.enrolledMs ?? before.waitsSinceMs);
        this.#except('enrolled-again', before, atMs, detail);
        this.#stay(before, 'not-in-log', undefined);
      }
    }
    // Instances that enrol in the same second may write one after another.
    if (number <= this.#highestNumber && atMs > this.#highestEnrolledMs + 1_000) {
      const detail = findingWords.wrongNumber(number, this.#highestNumber);
      this.#violate('wrong-number', userId, atMs, detail);
    }
    if (number > this.#highestNumber) {
      [this.#highestNumber, this.#highestEnrolledMs] = [number, atMs];
    }
    if (this.#parts.steering.around(atMs).isDraining) {
      this.#violate('while-draining', userId, atMs, findingWords.whileDraining);
    }
    const lot = this.#parts.steering.lots.ofNumber(number);
    if (lot !== undefined) lot.tookPart += 1;
    this.#places.set(userId, new Place(userId, number, atMs, atMs));
    this.#count('enrolled', atMs);
  }

  #admit(place: Place, atMs: number): void {
    const { userId } = place;
    const force = this.#parts.steering.around(atMs);
    if (place.admittedMs !== undefined) {
      this.#violate('twice', userId, atMs, findingWords.twice(place.admittedMs));
      this.#inside.remove(place);
    }
    if (force.isPaused) this.#violate('while-paused', userId, atMs, findingWords.whilePaused);
    if (force.closedBy !== undefined) {
      const detail = findingWords.beforeOpening(force.closedBy.opensMs);
      this.#violate('before-opening', userId, atMs, detail);
    }
    this.#judgeOrder(place, atMs, true);
    place.admittedMs = atMs;
    this.#admissions.add({ atMs, number: this.#rankOf(place) }, () => this.#lowestWaiting());
    if (this.#inside.count >= force.limit) this.#loseOverdue(atMs);
    for (const excess of this.#inside.admit(place, atMs, force.limit)) this.#overLimit(excess);
    if (this.#inside.count > force.limitLeast && this.#inside.count <= force.limit) {
      const detail = findingWords.limitLowered(this.#inside.count, force.limitLeast);
      this.#except('limit-lowered', place, atMs, detail);
    }
    this.#count('admitted', atMs);
  }

  #unclaim(place: Place, atMs: number): void {
    if (place.admittedMs === undefined) {
      this.#except('admission-not-in-log', place, atMs, findingWords.unclaimedNotInLog);
    } else {
      this.#except('unclaimed', place, atMs, findingWords.unclaimed(place.admittedMs));
    }
    this.#inside.remove(place);
    place.admittedMs = undefined;
    place.waitsSinceMs = atMs;
    place.isBackAgain();
    place.unclaimed += 1;
    this.#count('unclaimed', atMs);
  }

  #leave(place: Place, atMs: number): void {
    if (place.admittedMs !== undefined) this.#lostEnd(place, atMs);
    else {
      this.#judgeOrder(place, atMs, false);
      this.#stay(place, 'left', atMs);
    }
    this.#places.delete(place.userId);
    this.#count('left', atMs);
  }

  #end(place: Place, atMs: number): void {
    if (place.admittedMs === undefined) {
      this.#except('admission-not-in-log', place, atMs, findingWords.endedNotInLog);
    }
    this.#inside.remove(place);
    this.#stay(place, 'ended', atMs);
    this.#places.delete(place.userId);
    this.#count('ended', atMs);
  }

  #clear(atMs: number): void {
    for (const place of [...this.#places.values()]) {
      if (place.admittedMs !== undefined) continue;
      this.#except('cleared', place, atMs, findingWords.cleared);
      this.#stay(place, 'cleared', atMs);
      this.#places.delete(place.userId);
      this.#count('cleared', atMs);
    }
  }

  /** The next poll of any user reports the end of a place, so it is late if nobody polls. */
  #loseOverdue(atMs: number): void {
    for (const place of this.#inside.overdue(atMs)) this.#lostEnd(place, atMs);
  }

  /** Handles a place that must have ended, although the log has no end. */
  #lostEnd(place: Place, atMs: number): void {
    this.#inside.remove(place);
    for (const { atMs: at, inside, limit, place: other } of this.#inside.explain(place)) {
      this.#except('end-not-in-log', other, at, findingWords.overLimitByLog(inside, limit));
    }
    this.#except('end-not-in-log', place, atMs, findingWords.endNotInLog(place.admittedMs ?? 0));
    this.#stay(place, 'not-in-log', undefined);
    this.#places.delete(place.userId);
  }

  /** Checks admissions that passed this user: the user was absent, or there was a reason. */
  #judgeOrder(place: Place, atMs: number, isAdmitted: boolean): void {
    const { waitsSinceMs, absences } = place;
    const number = this.#rankOf(place);
    const { askMsMax } = this.#parts.settings;
    // A place was kept for a user who was passed a moment before the next poll.
    const away = absences.map(({ fromMs, untilMs }) => [fromMs - askMsMax, untilMs] as const);
    const untilMs = isAdmitted ? atMs - askMsMax : atMs;
    for (const passing of this.#admissions.passing(number, waitsSinceMs, untilMs)) {
      const isAway = away.some(([from, until]) => from <= passing.atMs && passing.atMs <= until);
      if (isAway) {
        const detail = findingWords.away(passing.number);
        if (!place.notes.includes('away')) this.#except('away', place, passing.atMs, detail);
        continue;
      }
      if (this.#passedForReason(place, passing)) continue;
      const admittedMs = isAdmitted ? atMs : undefined;
      const detail = findingWords.outOfOrder({ number, waitsSinceMs, passing, admittedMs });
      this.#violate('out-of-order', place.userId, passing.atMs, detail);
      return;
    }
  }

  #passedForReason(place: Place, { atMs }: Admission): boolean {
    const untilMs = atMs + this.#parts.settings.askMsMax;
    const step = this.#parts.steering.between(atMs, untilMs);
    if (step !== undefined) {
      this.#except('steered', place, atMs, findingWords.steered(step));
      return true;
    }
    if (this.#admissions.hasInFront(this.#rankOf(place), atMs, untilMs)) {
      this.#except('gave-way', place, atMs, findingWords.gaveWay);
      return true;
    }
    const quiet = this.#standstills.from(atMs, untilMs);
    if (quiet === undefined) return false;
    this.#except('standstill', place, atMs, findingWords.standstill(quiet));
    return true;
  }

  #unknown(userId: string, number: number, kind: QueueMove[0], atMs: number): Place {
    const place = new Place(userId, number, undefined, atMs);
    this.#places.set(userId, place);
    this.#except('enrolment-not-in-log', place, atMs, findingWords.notEnrolled(kind));
    return place;
  }

  #rankOf = ({ userId, number }: Place) => this.#parts.steering.lots.rankOf(userId, number);

  #lowestWaiting(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const place of this.#places.values()) {
      if (place.admittedMs === undefined) lowest = Math.min(lowest, this.#rankOf(place));
    }
    return lowest;
  }

  #overLimit({ place, atMs, inside, limit }: Excess): void {
    this.#violate('over-limit', place.userId, atMs, findingWords.overLimit(inside, limit));
  }

  #violate(code: ViolationCode, userId: string, atMs: number, detail: string): void {
    const { room, fromMs, violations } = this.#parts;
    if (atMs >= fromMs) violations.add({ code, room, userId, atMs, detail });
    this.#places.get(userId)?.note(code);
  }

  #except(code: ExceptionCode, place: Place, atMs: number, detail: string): void {
    const { room, fromMs, exceptions } = this.#parts;
    if (atMs >= fromMs) exceptions.add({ code, room, userId: place.userId, atMs, detail });
    place.note(code);
  }

  #count(what: keyof RoomFigures, atMs: number): void {
    if (atMs >= this.#parts.fromMs) this.figures[what] += 1;
  }

  #stay(place: Place, outcome: Stay['outcome'], endedMs: number | undefined): void {
    const { userId, number, enrolledMs, admittedMs, notes } = place;
    const stay = { room: this.#parts.room, userId, number, enrolledMs, admittedMs, endedMs };
    this.#parts.onStay({ ...stay, outcome, notes });
  }
}
