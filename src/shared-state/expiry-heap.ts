/** What an element of the heap carries. `heapIndex` is the heap's, −1 outside. */
export interface Expiring {
  expiresAt: number;
  heapIndex: number;
}

/**
 * A binary heap by `expiresAt`, earliest first, whose elements know their index: O(log n) to change
 * any.
 */
export class ExpiryHeap<T extends Expiring> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  earliest(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    this.#items.push(item);
    this.#up(item, this.#items.length - 1);
  }

  /** Gives an element of the heap another time. */
  set(item: T, expiresAt: number): void {
    item.expiresAt = expiresAt;
    this.#settle(item, item.heapIndex);
  }

  /** Takes an element of the heap out. */
  remove(item: T): void {
    const index = item.heapIndex;
    const last = this.#items.pop();
    item.heapIndex = -1;
    if (last !== undefined && last !== item) this.#settle(last, index);
  }

  #settle(item: T, index: number): void {
    this.#up(item, index);
    if (item.heapIndex === index) this.#down(item, index);
  }

  #up(item: T, from: number): void {
    let index = from;
    while (index > 0) {
      const above = this.#items[(index - 1) >> 1] as T;
      if (above.expiresAt <= item.expiresAt) break;
      this.#put(above, index);
      index = (index - 1) >> 1;
    }
    this.#put(item, index);
  }

  #down(item: T, from: number): void {
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      const right = this.#items[child + 1];
      if (right !== undefined && right.expiresAt < (this.#items[child] as T).expiresAt) child += 1;
      const below = this.#items[child];
      if (below === undefined || below.expiresAt >= item.expiresAt) break;
      this.#put(below, index);
      index = child;
    }
    this.#put(item, index);
  }

  #put(item: T, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }
}
