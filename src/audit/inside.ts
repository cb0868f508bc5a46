import type { Place } from './audited-place.ts';

/**
 * The largest number of admissions above the limit that wait for a reason. Others count as
 * violations.
 */
const pendingMax = 1_000;

/** An admission while, by the log, the limit of users inside was reached. */
export interface Excess {
  readonly place: Place;
  readonly atMs: number;
  readonly inside: number;
  readonly limit: number;
  /** The number of users inside who must have been out already. */
  unexplained: number;
}

/** The users inside a room, by the log. */
export class Inside {
  /** In the order of their admissions, oldest first. */
  readonly #places = new Set<Place>();
  readonly #lifeMsMax: number;
  #pending: Excess[] = [];
  most = 0;

  /** @param lifeMsMax an admitted place cannot be older than this, in milliseconds */
  constructor(lifeMsMax: number) {
    this.#lifeMsMax = lifeMsMax;
  }

  get count(): number {
    return this.#places.size;
  }

  /**
   * @returns admissions above the limit that now count as violations, because too many wait for a
   * reason
   */
  admit(place: Place, atMs: number, limit: number): readonly Excess[] {
    const before = this.#places.size;
    this.#places.add(place);
    this.most = Math.max(this.most, this.#places.size);
    if (before < limit) return [];
    const unexplained = before + 1 - limit;
    this.#pending.push({ place, atMs, inside: before + 1, limit, unexplained });
    return this.#pending.length > pendingMax ? this.#pending.splice(0, pendingMax / 2) : [];
  }

  remove(place: Place): void {
    this.#places.delete(place);
  }

  /**
   * A place must have ended, although the log has no end. Then later admissions may be within the
   * limit.
   * @returns these admissions
   */
  explain(place: Place): readonly Excess[] {
    this.#places.delete(place);
    for (const excess of this.#pending) {
      if (excess.place !== place && excess.atMs >= (place.admittedMs ?? 0)) excess.unexplained -= 1;
    }
    const explained = this.#pending.filter(({ unexplained }) => unexplained <= 0);
    this.#pending = this.#pending.filter(({ unexplained }) => unexplained > 0);
    return explained;
  }

  /** The places that must have ended by now. */
  overdue(nowMs: number): readonly Place[] {
    const overdue: Place[] = [];
    for (const place of this.#places) {
      if (nowMs - (place.admittedMs ?? 0) <= this.#lifeMsMax) break;
      overdue.push(place);
    }
    return overdue;
  }

  /** The admissions above the limit without a reason. */
  get unexplained(): readonly Excess[] {
    return this.#pending;
  }
}
