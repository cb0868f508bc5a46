/** A user whose place ends at a time. */
interface Ending {
  readonly userId: string;
  expiresAt: number;
}

/**
 * Users in the order in which their places end. It is a sorted list. Compared with the users who
 * wait, only few are admitted. A change moves at most some thousands of entries, in microseconds.
 */
export class EndsInOrder {
  readonly #userIds: string[] = [];
  readonly #ends: number[] = [];

  get size(): number {
    return this.#userIds.length;
  }

  /** The user whose place ends first, if it is over. */
  over(now: number): string | undefined {
    return (this.#ends[0] as number) <= now ? this.#userIds[0] : undefined;
  }

  /** The nth end, from 1. */
  nth(nth: number): number | undefined {
    return this.#ends[nth - 1];
  }

  add({ userId, expiresAt }: Ending): void {
    const at = this.#firstOf(expiresAt);
    this.#userIds.splice(at, 0, userId);
    this.#ends.splice(at, 0, expiresAt);
  }

  /** Changes the end of a place in the list. */
  set(place: Ending, expiresAt: number): void {
    this.remove(place);
    place.expiresAt = expiresAt;
    this.add(place);
  }

  /** Removes a place from the list. */
  remove({ userId, expiresAt }: Ending): void {
    const at = this.#userIds.indexOf(userId, this.#firstOf(expiresAt));
    this.#userIds.splice(at, 1);
    this.#ends.splice(at, 1);
  }

  /** The index of the first place with this end or a later one. */
  #firstOf(time: number): number {
    const ends = this.#ends;
    let [from, to] = [0, ends.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((ends[middle] as number) < time) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
