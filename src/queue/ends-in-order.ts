/** Something that ends at a time. */
interface Ending {
  expiresAt: number;
}

/**
 * Places in the order in which they end. It is a sorted list. Compared with the users who wait,
 * only few are admitted. A change moves at most some thousands of entries, in microseconds.
 */
export class EndsInOrder<T extends Ending> {
  readonly #items: T[] = [];
  /** The ends of the items, in a separate list. So a search reads no item. */
  readonly #times: number[] = [];

  get size(): number {
    return this.#items.length;
  }

  earliest(): T | undefined {
    return this.#items[0];
  }

  /** @param nth from 1 */
  nth(nth: number): T | undefined {
    return this.#items[nth - 1];
  }

  add(item: T): void {
    const at = this.#firstOf(item.expiresAt);
    this.#items.splice(at, 0, item);
    this.#times.splice(at, 0, item.expiresAt);
  }

  /** Changes the time of an item in the list. */
  set(item: T, expiresAt: number): void {
    this.remove(item);
    item.expiresAt = expiresAt;
    this.add(item);
  }

  /** Removes an item from the list. */
  remove(item: T): void {
    const at = this.#items.indexOf(item, this.#firstOf(item.expiresAt));
    this.#items.splice(at, 1);
    this.#times.splice(at, 1);
  }

  /** The index of the first item with this end or a later one. */
  #firstOf(time: number): number {
    const times = this.#times;
    let [from, to] = [0, times.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((times[middle] as number) < time) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
