import assert from 'node:assert/strict';
import { EndsByPage } from './ends-by-page.ts';
import { EndsInOrder } from './ends-in-order.ts';
import { Holders } from './holders.ts';
import type { InProcessQueueOptions } from './in-process-options.ts';
import { InProcessSteering } from './in-process-steering.ts';
import { waitOf } from './in-process-wait.ts';
import { rankOf } from './lot.ts';
import { type Admissions, claimMsAfter, countAdmission, endsMax } from './pace.ts';
import type { Place } from './place.ts';
import { PlaceTable } from './place-table.ts';
import type { QueueControl } from './queue-control.ts';
import { admittedEntry, type QueueEntry } from './queue-entry.ts';
import type { KnownPlace, QueueMove } from './queue-log.ts';
import { RankedLine } from './ranked-line.ts';
import { parseToken, sameSecret, tokenOf } from './token.ts';
import {
  type Authorization,
  type QueueCounts,
  QueueDraining,
  QueueFull,
  type QueueLimits,
  type QueueSettings,
  type WaitingQueue,
} from './waiting-queue.ts';

/**
 * The waiting queue in this process's memory, for one process only. It does the same steps as the
 * scripts of the Redis queue. Every call takes microseconds, O(log n) per place.
 */
export class InProcessQueue implements WaitingQueue {
  readonly #settings: QueueSettings;
  readonly #room: string;
  readonly #now: () => number;
  readonly #chance: () => number;
  readonly #onMove: (move: QueueMove) => void;
  readonly #places = new PlaceTable();
  /** The present waiting users. */
  #line = new RankedLine();
  /** Waiting places by their end; below, admitted places by their end. */
  #waiting = new EndsByPage((userId) => this.#places.find(userId));
  readonly #inside = new EndsInOrder();
  readonly #holders = new Holders();
  /** The time to claim an admission. It follows the time that users need. */
  #claimMs: number;
  #lastNumber = 0;
  /** The highest rank that was admitted. */
  #highestAdmitted = 0;
  readonly #steering: InProcessSteering;
  #admissions: Admissions = { window: 0, current: 0, previous: 0, since: 0 };

  constructor(settings: QueueSettings, options: InProcessQueueOptions = {}) {
    this.#settings = settings;
    this.#steering = new InProcessSteering(settings.admittedMax);
    this.#room = options.room ?? '';
    this.#claimMs = settings.claimMs;
    this.#now = options.now ?? Date.now;
    this.#chance = options.chance ?? Math.random;
    this.#onMove = options.onMove ?? (() => {});
  }

  async poll(userId: string): Promise<QueueEntry> {
    const now = this.#now();
    this.#endThoseOver(now);
    const own = this.#find(userId, now);
    if (own?.isInside) {
      this.#claim(own, now);
      return admittedEntry(userId, this.#tokenOf(own), own.expiresAt);
    }
    const place = own ?? this.#enrol(userId, now);
    if (!this.#standInLine(place, own !== undefined, now)) return this.#wait(place, null, now);
    const ahead = this.#line.ahead(place);
    if (ahead < this.#free(now)) {
      this.#admit(place, now, own === undefined);
      return admittedEntry(userId, this.#tokenOf(place), place.expiresAt);
    }
    return this.#wait(place, ahead, now);
  }

  async authorize(userId: string, token: string): Promise<Authorization> {
    const now = this.#now();
    const parsed = parseToken(token);
    if (parsed === undefined) return 'unknown';
    if (parsed.room !== this.#room) return 'other-room';
    const owner = this.#find(parsed.userId, now);
    if (owner === undefined || !sameSecret(owner.secret, parsed.secret)) {
      if (!this.#holders.has(parsed.userId, parsed.secret, now)) return 'unknown';
      return parsed.userId === userId ? 'holding' : 'not-yours';
    }
    if (owner.userId !== userId) return 'not-yours';
    if (!owner.isInside) return 'waiting';
    this.#claim(owner, now);
    return 'admitted';
  }

  async renew(userId: string, heldMs: number): Promise<void> {
    const now = this.#now();
    const own = this.#find(userId, now);
    if (!own?.isInside) return;
    own.state = 'claimed';
    this.#inside.set(own, this.#fullTime(own, now));
    this.#holders.note(userId, own.secret, now + heldMs, now);
  }

  async shorten(userId: string): Promise<void> {
    const now = this.#now();
    const own = this.#find(userId, now);
    if (!own?.isInside) return;
    own.state = 'claimed';
    this.#inside.set(own, Math.min(own.expiresAt, now + this.#settings.afterPaymentMs));
  }

  steer(control: QueueControl): void {
    if (!this.#steering.take(control)) return;
    this.#places.keepOnly(({ isInside }) => isInside);
    this.#line = new RankedLine();
    this.#waiting = new EndsByPage((userId) => this.#places.find(userId));
    this.#onMove(['cleared', '', 0, Math.floor(this.#now())]);
  }

  /** Takes over the places from the log, before the first poll. No user is present yet. */
  restore(known: readonly KnownPlace[]): void {
    const now = this.#now();
    for (const { userId, number, admittedAt } of known) {
      const isInside = admittedAt !== undefined;
      const { claimMs, waitingMs } = this.#settings;
      const place = this.#places.add(userId, number, now + (isInside ? claimMs : waitingMs));
      this.#lastNumber = Math.max(this.#lastNumber, number);
      if (isInside) [place.state, place.admittedAt] = ['admitted', admittedAt];
      (isInside ? this.#inside : this.#waiting).add(place);
    }
  }

  get limits(): QueueLimits {
    return this.#steering.limits;
  }

  async counts(): Promise<QueueCounts> {
    return { waiting: this.#waiting.size, there: this.#line.size, admitted: this.#inside.size };
  }

  async reachable(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {}

  /** The number of users that may be admitted now. */
  #free = (now: number) => this.#steering.free(this.#inside.size, now);

  /**
   * Puts a present user into the line, by the current rank.
   * @returns false if the rank is unknown, because a lot is not drawn yet
   */
  #standInLine(place: Place, isKnown: boolean, now: number): boolean {
    const { version } = this.#steering;
    // A rank by lot needs a hash. To make it for each poll would take half of the poll's time.
    if (place.state === 'there' && place.rankedFor === version) return true;
    const rank = this.#rankOf(place);
    place.rankedFor = version;
    if (place.state === 'there') {
      if (rank === place.rank) return true;
      this.#line.remove(place);
      place.state = 'away';
    } else if (rank !== undefined) {
      if (isKnown && this.#tellAbsence(place)) this.#tell('back', place, now);
      if (place.admittedAt > 0) this.#came(place, now);
    }
    if (rank === undefined) return false;
    place.rank = rank;
    this.#line.add(place);
    [place.state, place.admittedAt] = ['there', 0];
    return true;
  }

  #rankOf = (place: Place) => rankOf(this.#steering.lot, place.userId, place.number);

  #endThoseOver(now: number): void {
    for (let ended = 0; ended < endsMax; ended += 1) {
      const userId = this.#inside.over(now);
      if (userId === undefined) break;
      const place = this.#places.find(userId);
      assert(place !== undefined, 'an admitted user has a place');
      this.#settle(place, now);
    }
    this.#waiting.endThoseOver(now, endsMax, (place) => this.#settle(place, now));
  }

  /** The user's current place. */
  #find(userId: string, now: number): Place | undefined {
    const place = this.#places.find(userId);
    if (place === undefined || place.expiresAt > now) return place;
    this.#settle(place, now);
    return this.#places.find(userId);
  }

  /** Changes a place whose time is over to its current state. */
  #settle(place: Place, now: number): void {
    if (place.state === 'claimed') {
      this.#tell('ended', place, now);
      this.#forget(place);
      return;
    }
    if (place.state === 'admitted') {
      this.#inside.remove(place);
      this.#tell('unclaimed', place, now);
      place.expiresAt += this.#settings.waitingMs;
      this.#waiting.add(place);
    } else if (place.state === 'there') {
      this.#line.remove(place);
      this.#waiting.set(place, place.expiresAt + this.#settings.waitingMs);
    }
    place.state = 'away';
    if (place.expiresAt > now) return;
    this.#tellAbsence(place);
    this.#tell('left', place, now);
    this.#forget(place);
  }

  /** Reports an absent user if later users were admitted meanwhile. @returns whether this is so */
  #tellAbsence(place: Place): boolean {
    if ((this.#rankOf(place) ?? Infinity) >= this.#highestAdmitted) return false;
    this.#tell('away', place, place.expiresAt - this.#settings.waitingMs);
    return true;
  }

  #tell(kind: QueueMove[0], { userId, number }: Place, now: number): void {
    this.#onMove([kind, userId, number, Math.floor(now)]);
  }

  #enrol(userId: string, now: number): Place {
    const { waitingMax } = this.#settings;
    if (this.#steering.isDraining) throw new QueueDraining();
    // With room for this user and all present users, nobody has to wait. Absent users do not count.
    if (this.#waiting.size >= waitingMax && this.#line.size >= this.#free(now)) {
      throw new QueueFull();
    }
    if (this.#line.size === 0) this.#admissions = { ...this.#admissions, since: now };
    // A number is the time in microseconds. It is higher than all earlier ones, even after losses.
    this.#lastNumber = Math.max(this.#lastNumber + 1, Math.floor(now * 1_000));
    const place = this.#places.add(userId, this.#lastNumber, now);
    this.#waiting.add(place);
    this.#tell('enrolled', place, now);
    return place;
  }

  #admit(place: Place, now: number, isNew: boolean): void {
    this.#line.remove(place);
    this.#waiting.remove(place);
    [place.state, place.admittedAt] = ['admitted', now];
    this.#highestAdmitted = Math.max(this.#highestAdmitted, place.rank);
    place.expiresAt = now + this.#claimMs;
    this.#inside.add(place);
    this.#steering.countAdmission();
    this.#tell('admitted', place, now);
    // A user who did not have to wait says nothing about the waiting users.
    if (!isNew) this.#admissions = countAdmission(this.#admissions, now);
  }

  #claim(place: Place, now: number): void {
    if (place.state !== 'admitted') return;
    this.#came(place, now);
    place.state = 'claimed';
    this.#inside.set(place, this.#fullTime(place, now));
  }

  /** A user came to claim an admission, in time or after the next user got it. */
  #came({ admittedAt }: Place, now: number): void {
    this.#claimMs = claimMsAfter(this.#claimMs, now - admittedAt, this.#settings.claimMs);
  }

  #fullTime({ admittedAt }: Place, now: number): number {
    const { admittedMs, placeMaxMs } = this.#settings;
    return Math.min(now + admittedMs, admittedAt + placeMaxMs);
  }

  /** @param ahead null: the place is not in the line yet */
  #wait(place: Place, ahead: number | null, now: number): QueueEntry {
    const { dueAt, entry } = waitOf(place, this.#tokenOf(place), ahead, {
      steering: this.#steering,
      admissions: this.#admissions,
      settings: this.#settings,
      inside: this.#inside,
      chance: this.#chance(),
      now,
    });
    // A user who is not in the line is already absent when the next poll is due.
    this.#waiting.set(place, place.state === 'there' ? dueAt : entry.expiresAt);
    return entry;
  }

  #tokenOf = ({ userId, secret }: Place) => tokenOf(userId, secret, this.#room);

  #forget(place: Place): void {
    if (place.isInside) this.#inside.remove(place);
    else this.#waiting.remove(place);
    if (place.state === 'there') this.#line.remove(place);
    this.#places.remove(place.userId);
  }
}
