import {
  admissionsPerSecond,
  countAdmission,
  noticeMsOf,
  pauseOf,
} from '../../../src/queue/pace.ts';
import type { Authorization, QueueSettings } from '../../../src/queue/waiting-queue.ts';

interface ModelPlace {
  /** Its number in the order of enrolment, and its token's. */
  readonly id: number;
  readonly user: string;
  state: 'there' | 'away' | 'admitted' | 'claimed';
  admittedAt: number;
  expiresAt: number;
}

interface Told {
  readonly id: number;
  readonly ahead: number;
  readonly expiresAt: number;
  readonly processing: boolean;
}

/** The queue as one would write it with nothing but a list: every step looks at everyone. */
export class QueueModel {
  readonly #settings: QueueSettings;
  #places: ModelPlace[] = [];
  #holders: { readonly user: string; readonly id: number; readonly until: number }[] = [];
  #ids = 0;
  #admissions = { window: 0, current: 0, previous: 0, since: 0 };

  constructor(settings: QueueSettings) {
    this.#settings = settings;
  }

  poll(user: string, now: number): 'full' | Told {
    this.#endThoseOver(now);
    let own = this.#places.find((place) => place.user === user);
    if (own !== undefined && isInside(own)) {
      this.#claim(own, now);
      return told(own, 0);
    }
    const isNew = own === undefined;
    if (own === undefined) {
      const waiting = this.#places.filter((place) => !isInside(place)).length;
      if (waiting >= this.#settings.waitingMax && this.#line().length >= this.#free())
        return 'full';
      if (this.#line().length === 0) this.#admissions.since = now;
      this.#ids += 1;
      own = { id: this.#ids, user, state: 'away', admittedAt: 0, expiresAt: 0 };
      this.#places.push(own);
    }
    own.state = 'there';
    const ahead = this.#line().indexOf(own);
    if (ahead < this.#free()) {
      Object.assign(own, { state: 'admitted', admittedAt: now });
      own.expiresAt = now + this.#settings.claimMs;
      if (!isNew) this.#admissions = countAdmission(this.#admissions, now);
      return told(own, 0);
    }
    const rate = admissionsPerSecond(this.#admissions, now);
    const { admittedMax: places, pauseMaxMs, waitingMs } = this.#settings;
    const { pauseMs, lateMs } = pauseOf({
      ...{ position: ahead + 1, perSecond: rate, places, pauseMaxMs, chance: 0 },
      noticeMs: noticeMsOf(this.#settings),
      freeInMs: (nth) => this.#freeAt(nth, now) - now,
    });
    own.expiresAt = now + pauseMs + lateMs;
    return { ...told(own, ahead), expiresAt: own.expiresAt + waitingMs };
  }

  authorize(user: string, owner: string, id: number | undefined, now: number): Authorization {
    this.#endThoseOver(now, owner);
    const place = this.#places.find((one) => one.id === id);
    if (place === undefined) {
      const holds = this.#holders.some((one) => one.id === id && one.until > now);
      if (!holds) return 'unknown';
      return owner === user ? 'holding' : 'not-yours';
    }
    if (owner !== user) return 'not-yours';
    if (!isInside(place)) return 'waiting';
    this.#claim(place, now);
    return 'admitted';
  }

  renew(user: string, heldMs: number, now: number): void {
    const place = this.#insideOf(user, now);
    if (place === undefined) return;
    place.state = 'claimed';
    place.expiresAt = this.#fullTime(place, now);
    this.#holders = this.#holders.filter((one) => one.user !== user);
    this.#holders.push({ user, id: place.id, until: now + heldMs });
  }

  shorten(user: string, now: number): void {
    const place = this.#insideOf(user, now);
    if (place === undefined) return;
    place.state = 'claimed';
    place.expiresAt = Math.min(place.expiresAt, now + this.#settings.afterPaymentMs);
  }

  #insideOf(user: string, now: number): ModelPlace | undefined {
    this.#endThoseOver(now, user);
    return this.#places.find((one) => one.user === user && isInside(one));
  }

  #line(): ModelPlace[] {
    return this.#places.filter(({ state }) => state === 'there').sort((a, b) => a.id - b.id);
  }

  #free(): number {
    return this.#settings.admittedMax - this.#places.filter(isInside).length;
  }

  /** When the nth next can be admitted: everyone who is inside leaves when the place ends. */
  #freeAt(nth: number, now: number): number {
    const ends = this.#places.filter(isInside).map(({ expiresAt }) => expiresAt);
    const free = Array.from({ length: this.#free() }, () => now);
    return [...free, ...ends.sort((a, b) => a - b)][nth - 1] ?? Infinity;
  }

  #claim(place: ModelPlace, now: number): void {
    if (place.state === 'admitted') place.expiresAt = this.#fullTime(place, now);
    place.state = 'claimed';
  }

  #fullTime({ admittedAt }: ModelPlace, now: number): number {
    const { admittedMs, placeMaxMs } = this.#settings;
    return Math.min(now + admittedMs, admittedAt + placeMaxMs);
  }

  /** @param only of this user; default all */
  #endThoseOver(now: number, only?: string): void {
    const isLeft = ({ user }: ModelPlace) => only !== undefined && user !== only;
    for (const place of this.#places) {
      if (
        isLeft(place) ||
        place.expiresAt > now ||
        place.state === 'claimed' ||
        place.state === 'away'
      )
        continue;
      place.state = 'away';
      place.expiresAt += this.#settings.waitingMs;
    }
    this.#places = this.#places.filter((place) => isLeft(place) || place.expiresAt > now);
  }
}

const isInside = ({ state }: ModelPlace): boolean => state === 'admitted' || state === 'claimed';

const told = (place: ModelPlace, ahead: number): Told => ({
  id: place.id,
  ahead,
  expiresAt: place.expiresAt,
  processing: isInside(place),
});
