import { type Expiring, ExpiryHeap } from '../shared-state/expiry-heap.ts';
import { sameSecret } from './token.ts';

interface Holder extends Expiring {
  readonly userId: string;
  readonly secret: string;
}

/**
 * Remembers the tokens by which users hold unpaid seats. A token is known until the hold ends, even
 * if its place has ended. It keeps the last token of each user, so there are not more tokens than
 * held seats.
 */
export class Holders {
  readonly #byUser = new Map<string, Holder>();
  readonly #ends = new ExpiryHeap<Holder>();

  /** @param untilMs when the hold ends, in milliseconds since the epoch */
  note(userId: string, secret: string, untilMs: number, now: number): void {
    this.#forget(this.#byUser.get(userId));
    for (let first = this.#ends.earliest(); first && first.expiresAt <= now; ) {
      this.#forget(first);
      first = this.#ends.earliest();
    }
    const holder = { userId, secret, expiresAt: untilMs, heapIndex: -1 };
    this.#byUser.set(userId, holder);
    this.#ends.add(holder);
  }

  has(userId: string, secret: string, now: number): boolean {
    const holder = this.#byUser.get(userId);
    return holder !== undefined && holder.expiresAt > now && sameSecret(holder.secret, secret);
  }

  #forget(holder: Holder | undefined): void {
    if (holder === undefined) return;
    this.#byUser.delete(holder.userId);
    this.#ends.remove(holder);
  }
}
