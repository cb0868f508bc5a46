import type { EndsInOrder } from './ends-in-order.ts';
import { isClosedFor, type Lot } from './lot.ts';
import { type Tickets, ticketsAt } from './pace.ts';
import { limitsOf, notSteered, type QueueControl } from './queue-control.ts';
import type { QueueLimits } from './waiting-queue.ts';

/** The steering of a queue in this process, and the admissions that it allows. */
export class InProcessSteering {
  readonly #admittedMax: number;
  /** The number of places: the number of the current step, or the setting. */
  #limits: QueueLimits;
  /** Undefined before the first call of `take`. */
  #control: QueueControl | undefined;
  #version = 0;
  /** The largest possible number. */
  #tickets: Tickets = { left: Number.MAX_SAFE_INTEGER, at: 0 };

  /** @param admittedMax the setting. It counts until the steering has another number */
  constructor(admittedMax: number) {
    this.#admittedMax = admittedMax;
    this.#limits = limitsOf(notSteered, admittedMax);
  }

  /** Rises with each change of the steering, from 0. */
  get version(): number {
    return this.#version;
  }

  /** @returns whether the step empties the line */
  take(control: QueueControl): boolean {
    // The first call has the state from before this process.
    const isCleared = control.clearedRevision > (this.#control?.clearedRevision ?? Infinity);
    if (control.revision > (this.#control?.revision ?? -2)) {
      this.#control = control;
      this.#version += 1;
      this.#limits = limitsOf(control, this.#admittedMax);
    }
    return isCleared;
  }

  get limits(): QueueLimits {
    return this.#limits;
  }

  get isDraining(): boolean {
    return this.#now.draining;
  }

  get lot(): Lot | null {
    return this.#now.lot;
  }

  /** When the sale opens; undefined when it is open. */
  opensAt(now: number): number | undefined {
    return isClosedFor(this.lot, now) ? this.lot.opensAtMs : undefined;
  }

  /**
   * The number of users that may be admitted now.
   * @param inside the number of admitted users
   */
  free(inside: number, now: number): number {
    const { perMinute, paused, lot } = this.#now;
    if (paused || isClosedFor(lot, now)) return 0;
    const places = this.#limits.places - inside;
    if (perMinute === null) return places;
    this.#tickets = ticketsAt(this.#tickets, perMinute, now);
    return Math.min(places, Math.floor(this.#tickets.left));
  }

  /**
   * The milliseconds until the nth next user may be admitted. 0 or less: now. Infinity: the queue
   * does not know. @param nth from 1 @param inside the places of admitted users
   */
  freeInMs(nth: number, inside: EndsInOrder, now: number): number {
    const { perMinute, paused, lot } = this.#now;
    if (paused) return Infinity;
    const behind = nth - (this.#limits.places - inside.size);
    let at = behind > 0 ? (inside.nth(behind) ?? Infinity) : now;
    if (perMinute !== null) {
      at = Math.max(at, now + ((nth - this.#tickets.left) * 60_000) / perMinute);
    }
    if (isClosedFor(lot, now)) at = Math.max(at, lot.opensAtMs);
    return at - now;
  }

  countAdmission(): void {
    this.#tickets = { ...this.#tickets, left: this.#tickets.left - 1 };
  }

  get #now(): QueueControl {
    return this.#control ?? notSteered;
  }
}
