import { isClosedFor, type Lot } from './lot.ts';
import { type Tickets, ticketsAt } from './pace.ts';
import { notSteered, type QueueControl } from './queue-control.ts';
import type { QueueLimits } from './waiting-queue.ts';

/** How a queue in this process is steered, and what that leaves of its admissions. */
export class InProcessSteering {
  readonly #admittedMax: number;
  /** Undefined until it is told. */
  #control: QueueControl | undefined;
  /** As many as there may be. */
  #tickets: Tickets = { left: Number.MAX_SAFE_INTEGER, at: 0 };

  /** @param admittedMax the setting, which counts until another number is told */
  constructor(admittedMax: number) {
    this.#admittedMax = admittedMax;
  }

  /** @returns whether the step empties the line */
  take(control: QueueControl): boolean {
    // What the first call tells was so before this process.
    const isCleared = control.clearedRevision > (this.#control?.clearedRevision ?? Infinity);
    if (control.revision > (this.#control?.revision ?? -2)) this.#control = control;
    return isCleared;
  }

  get limits(): QueueLimits {
    const { admittedMax, paused } = this.#now;
    return { places: admittedMax ?? this.#admittedMax, isPaused: paused };
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

  /** How many may be admitted now. @param inside who is admitted */
  free(inside: number, now: number): number {
    const { perMinute, paused, lot } = this.#now;
    if (paused || isClosedFor(lot, now)) return 0;
    const places = this.limits.places - inside;
    if (perMinute === null) return places;
    this.#tickets = ticketsAt(this.#tickets, perMinute, now);
    return Math.min(places, Math.floor(this.#tickets.left));
  }

  countAdmission(): void {
    this.#tickets = { ...this.#tickets, left: this.#tickets.left - 1 };
  }

  get #now(): QueueControl {
    return this.#control ?? notSteered;
  }
}
