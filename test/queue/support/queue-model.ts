import type { Authorization, QueueSettings } from '../../../src/queue/waiting-queue.ts';

interface ModelPlace {
  readonly id: number;
  readonly user: string;
  admitted: boolean;
  usedAt: number;
  expiresAt: number;
}

/** The queue as one would write it with nothing but a list: the oldest first, every step looks at everyone. */
export class QueueModel {
  readonly #settings: QueueSettings;
  #places: ModelPlace[] = [];
  #ids = 0;

  constructor(settings: QueueSettings) {
    this.#settings = settings;
  }

  /** The place's number stands for its token. */
  poll(
    user: string,
    now: number,
  ): 'full' | { id: number; ahead: number; expiresAt: number; processing: boolean } {
    const { admittedMs, polledMs, waitingMs, waitingMax } = this.#settings;
    this.#places = this.#places.filter((place) => place.expiresAt > now);
    let own = this.#places.find((place) => place.user === user);
    if (own === undefined) {
      this.#admit(now);
      if (this.#waiting().length >= waitingMax) return 'full';
      this.#ids += 1;
      own = { id: this.#ids, user, admitted: false, usedAt: 0, expiresAt: now + waitingMs };
      this.#places.push(own);
    } else if (!own.admitted) {
      own.expiresAt = now + waitingMs;
    }
    this.#admit(now);
    if (own.admitted) own.expiresAt = Math.min(now + admittedMs, own.usedAt + polledMs);
    const ahead = own.admitted ? 0 : this.#waiting().indexOf(own);
    return { id: own.id, ahead, expiresAt: own.expiresAt, processing: own.admitted };
  }

  authorize(user: string, id: number | undefined, now: number): Authorization {
    const place = this.#places.find((one) => one.id === id && one.expiresAt > now);
    if (place === undefined) return 'unknown';
    if (place.user !== user) return 'not-yours';
    if (!place.admitted) return 'waiting';
    place.usedAt = now;
    place.expiresAt = now + Math.min(this.#settings.admittedMs, this.#settings.polledMs);
    return 'admitted';
  }

  shorten(user: string, now: number): void {
    const place = this.#places.find((one) => one.user === user && one.expiresAt > now);
    if (place?.admitted !== true) return;
    place.expiresAt = Math.min(place.expiresAt, now + this.#settings.afterPaymentMs);
  }

  #waiting(): ModelPlace[] {
    return this.#places.filter((place) => !place.admitted);
  }

  #admit(now: number): void {
    const admitted = this.#places.length - this.#waiting().length;
    const room = Math.max(0, this.#settings.admittedMax - admitted);
    for (const place of this.#waiting().slice(0, room)) {
      place.admitted = true;
      place.usedAt = now;
    }
  }
}
