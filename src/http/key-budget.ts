import { httpLimits } from './limits.ts';

const hourMs = 3_600_000;

/**
 * Counts the idempotency keys that a user has used in this hour of the clock, on this instance. A
 * key leaves two events in the log for ever. The service remembers the counts of `keyUsersMax`
 * users; the user whose last key is oldest is forgotten first.
 */
export class KeyBudget {
  readonly #keysMax: number;
  readonly #now: () => number;
  readonly #used = new Map<string, number>();
  #hour = 0;

  /** @param keysMax keys of one user per hour */
  constructor(keysMax: number = Number.POSITIVE_INFINITY, now: () => number = Date.now) {
    this.#keysMax = keysMax;
    this.#now = now;
  }

  /** @returns whether the user may use one more key. If so, this key counts */
  take(userId: string): boolean {
    const hour = Math.floor(this.#now() / hourMs);
    if (hour !== this.#hour) {
      this.#used.clear();
      this.#hour = hour;
    }
    const used = this.#used.get(userId) ?? 0;
    if (used >= this.#keysMax) return false;
    // This user used a key last, so this user is forgotten last.
    this.#used.delete(userId);
    if (this.#used.size >= httpLimits.keyUsersMax) {
      const [oldest] = this.#used.keys();
      if (oldest !== undefined) this.#used.delete(oldest);
    }
    this.#used.set(userId, used + 1);
    return true;
  }

  /** Takes a key out of the count, because it was used before. */
  giveBack(userId: string): void {
    const used = this.#used.get(userId);
    if (used !== undefined && used > 0) this.#used.set(userId, used - 1);
  }

  /** Seconds until the count of every user starts again. */
  secondsLeft(): number {
    return Math.ceil((hourMs - (this.#now() % hourMs)) / 1_000);
  }
}
