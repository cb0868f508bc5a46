import { type Expiring, ExpiryHeap } from '../shared-state/expiry-heap.ts';
import {
  type Admissions,
  admittedPlace,
  countAdmissions,
  endsMax,
  polledUntil,
  waitingPlace,
} from './place.ts';
import { type LineNode, RankedLine } from './ranked-line.ts';
import { newToken, sameToken, tokenDigest } from './token.ts';
import {
  type Authorization,
  type Place,
  QueueFull,
  type QueueSettings,
  type WaitingQueue,
} from './waiting-queue.ts';

/** One user's place, admitted or in the line. A class, since a million of them should be small. */
class Entry implements Expiring, LineNode<Entry> {
  readonly userId: string;
  readonly token = newToken();
  readonly digest = tokenDigest(this.token);
  admitted = false;
  /** When it was admitted or authorized last. */
  usedAt = 0;
  expiresAt: number;
  heapIndex = -1;
  left: Entry | undefined;
  right: Entry | undefined;
  parent: Entry | undefined;
  size = 1;
  priority = 0;

  constructor(userId: string, expiresAt: number) {
    this.userId = userId;
    this.expiresAt = expiresAt;
  }
}

/**
 * The waiting queue in this process's memory: for one process only, and a restart empties it (buyers
 * enrol again). Behaves as the Redis one does, step for step as `lua/poll.lua`; every call takes
 * microseconds and O(log n) a place.
 *
 * @param now milliseconds since the epoch; default the system's clock.
 */
export class InProcessQueue implements WaitingQueue {
  readonly #settings: QueueSettings;
  readonly #now: () => number;
  readonly #places = new Map<string, Entry>();
  readonly #owners = new Map<string, Entry>();
  readonly #line = new RankedLine<Entry>();
  /** By when they end: the places of the line, and the admitted ones. */
  readonly #waiting = new ExpiryHeap<Entry>();
  readonly #admitted = new ExpiryHeap<Entry>();
  #admissions: Admissions = { window: 0, current: 0, previous: 0 };

  constructor(settings: QueueSettings, now: () => number = Date.now) {
    this.#settings = settings;
    this.#now = now;
  }

  async poll(userId: string): Promise<Place> {
    const now = this.#now();
    this.#endThoseOver(this.#admitted, now);
    this.#endThoseOver(this.#waiting, now);
    const entry = this.#renewWaiting(userId, now) ?? this.#enrol(userId, now);
    this.#admitFromTheFront(now);
    if (entry.admitted) {
      this.#admitted.set(entry, polledUntil(this.#settings, entry.usedAt, now));
      return admittedPlace(userId, entry.token, entry.expiresAt);
    }
    const { token, expiresAt } = entry;
    const ahead = this.#line.ahead(entry);
    const standing = { userId, token, ahead, expiresAt, now };
    return waitingPlace(this.#settings, standing, this.#admissions);
  }

  async authorize(userId: string, token: string): Promise<Authorization> {
    const now = this.#now();
    const own = this.#places.get(userId);
    if (own === undefined || !sameToken(own.token, token)) {
      const owner = this.#owners.get(tokenDigest(token));
      return owner !== undefined && owner.expiresAt > now ? 'not-yours' : 'unknown';
    }
    if (own.expiresAt <= now) return 'unknown';
    if (!own.admitted) return 'waiting';
    own.usedAt = now;
    this.#admitted.set(own, polledUntil(this.#settings, now, now));
    return 'admitted';
  }

  async shorten(userId: string): Promise<void> {
    const now = this.#now();
    const own = this.#places.get(userId);
    if (own === undefined || !own.admitted || own.expiresAt <= now) return;
    this.#admitted.set(own, Math.min(own.expiresAt, now + this.#settings.afterPaymentMs));
  }

  async reachable(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {}

  #endThoseOver(places: ExpiryHeap<Entry>, now: number): void {
    for (let ended = 0; ended < endsMax; ended += 1) {
      const entry = places.earliest();
      if (entry === undefined || entry.expiresAt > now) return;
      this.#forget(entry);
    }
  }

  /** The user's live place; one in the line is renewed before admitting, since who polls is not away. */
  #renewWaiting(userId: string, now: number): Entry | undefined {
    const own = this.#places.get(userId);
    if (own === undefined) return undefined;
    if (own.expiresAt <= now) {
      this.#forget(own);
      return undefined;
    }
    if (!own.admitted) this.#waiting.set(own, now + this.#settings.waitingMs);
    return own;
  }

  #enrol(userId: string, now: number): Entry {
    this.#admitFromTheFront(now);
    if (this.#line.size >= this.#settings.waitingMax) throw new QueueFull();
    const entry = new Entry(userId, now + this.#settings.waitingMs);
    this.#places.set(userId, entry);
    this.#owners.set(entry.digest, entry);
    this.#line.append(entry);
    this.#waiting.add(entry);
    return entry;
  }

  /**
   * A user who is admitted while away keeps the end of the waiting place until the first call: a buyer
   * who closed the page does not keep a place for the full time.
   */
  #admitFromTheFront(now: number): void {
    let count = 0;
    for (let looked = 0; looked < endsMax; looked += 1) {
      if (this.#admitted.size >= this.#settings.admittedMax) break;
      const front = this.#line.first();
      if (front === undefined) break;
      if (front.expiresAt <= now) {
        this.#forget(front);
        continue;
      }
      this.#line.remove(front);
      this.#waiting.remove(front);
      front.admitted = true;
      front.usedAt = now;
      this.#admitted.add(front);
      count += 1;
    }
    if (count > 0) this.#admissions = countAdmissions(this.#admissions, now, count);
  }

  #forget(entry: Entry): void {
    if (entry.admitted) {
      this.#admitted.remove(entry);
    } else {
      this.#line.remove(entry);
      this.#waiting.remove(entry);
    }
    this.#places.delete(entry.userId);
    this.#owners.delete(entry.digest);
  }
}
