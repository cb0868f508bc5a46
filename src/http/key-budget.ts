import { httpLimits } from './limits.ts';

const hourMs = 3_600_000;

/**
 * How many idempotency keys a user has used in this hour, on this instance: each leaves two events
 * in the log for ever. Of the `keyUsersMax` users who used one last; an hour is one of the clock's.
 */
export class KeyBudget {
  readonly #keysMax: number;
  readonly #now: () => number;
  readonly #used = new Map<string, number>();
  #hour = 0;

  /** @param keysMax of a user in an hour */
  constructor(keysMax: number = Number.POSITIVE_INFINITY, now: () => number = Date.now) {
    this.#keysMax = keysMax;
    this.#now = now;
  }

  /** @returns whether the user may use one more; then it counts */
  take(userId: string): boolean {
    const hour = Math.floor(this.#now() / hourMs);
    if (hour !== this.#hour) {
      this.#used.clear();
      this.#hour = hour;
    }
    const used = this.#used.get(userId) ?? 0;
    if (used >= this.#keysMax) return false;
    // Used last, so forgotten last.
    this.#used.delete(userId);
    if (this.#used.size >= httpLimits.keyUsersMax) {
      const [oldest] = this.#used.keys();
      if (oldest !== undefined) this.#used.delete(oldest);
    }
    this.#used.set(userId, used + 1);
    return true;
  }

  /** The key had been used before. */
  giveBack(userId: string): void {
    const used = this.#used.get(userId);
    if (used !== undefined && used > 0) this.#used.set(userId, used - 1);
  }

  /** Seconds until a user may use as many again. */
  secondsLeft(): number {
    return Math.ceil((hourMs - (this.#now() % hourMs)) / 1_000);
  }
}
