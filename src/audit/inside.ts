import type { Place } from './audited-place.ts';

/** Admissions beyond the limit that wait for a reason at most; the others count as found. */
const pendingMax = 1_000;

/** An admission while as many were inside, by the log, as may be. */
export interface Excess {
  readonly place: Place;
  readonly atMs: number;
  readonly inside: number;
  readonly limit: number;
  /** So many of those inside must have been out already. */
  unexplained: number;
}

/** Who is inside a room, by the log. */
export class Inside {
  /** By admission, the oldest first. */
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

  /** @returns admissions beyond the limit that are given up, since too many wait for a reason */
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
   * A place must have ended without the log's knowledge: then admissions since may be within the
   * limit.
   * @returns those that are
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

  /** Those that must have ended by now. */
  overdue(nowMs: number): readonly Place[] {
    const overdue: Place[] = [];
    for (const place of this.#places) {
      if (nowMs - (place.admittedMs ?? 0) <= this.#lifeMsMax) break;
      overdue.push(place);
    }
    return overdue;
  }

  /** The admissions beyond the limit that nothing explains. */
  get unexplained(): readonly Excess[] {
    return this.#pending;
  }
}
