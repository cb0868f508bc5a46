/** What an element of the heap carries. `heapIndex` is the heap's, −1 outside. */
export interface Expiring {
  expiresAt: number;
  heapIndex: number;
}

/** Children of an element: more make the heap lower, and lie side by side. */
const arity = 4;

/**
 * A heap by `expiresAt`, earliest first, whose elements know their index: O(log n) to change any.
 * The times are kept in a list of their own as well: to compare two of them reads neither element,
 * which takes most of the time in a heap of a million.
 */
export class ExpiryHeap<T extends Expiring> {
  readonly #items: T[] = [];
  readonly #times: number[] = [];

  get size(): number {
    return this.#items.length;
  }

  earliest(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    this.#items.push(item);
    this.#times.push(item.expiresAt);
    this.#up(item, item.expiresAt, this.#items.length - 1);
  }

  /** Gives an element of the heap another time. */
  set(item: T, expiresAt: number): void {
    item.expiresAt = expiresAt;
    this.#settle(item, expiresAt, item.heapIndex);
  }

  /** Takes an element of the heap out. */
  remove(item: T): void {
    const index = item.heapIndex;
    const last = this.#items.pop();
    const time = this.#times.pop();
    item.heapIndex = -1;
    if (last === undefined || time === undefined || last === item) return;
    this.#settle(last, time, index);
  }

  #settle(item: T, time: number, index: number): void {
    this.#up(item, time, index);
    if (item.heapIndex === index) this.#down(item, time, index);
  }

  #up(item: T, time: number, from: number): void {
    let index = from;
    while (index > 0) {
      const above = Math.floor((index - 1) / arity);
      const timeAbove = this.#times[above] as number;
      if (timeAbove <= time) break;
      this.#put(this.#items[above] as T, timeAbove, index);
      index = above;
    }
    this.#put(item, time, index);
  }

  #down(item: T, time: number, from: number): void {
    const times = this.#times;
    let index = from;
    for (;;) {
      const first = arity * index + 1;
      const end = Math.min(first + arity, times.length);
      let [below, timeBelow] = [index, time];
      for (let child = first; child < end; child += 1) {
        const timeOfChild = times[child] as number;
        if (timeOfChild < timeBelow) [below, timeBelow] = [child, timeOfChild];
      }
      if (below === index) break;
      this.#put(this.#items[below] as T, timeBelow, index);
      index = below;
    }
    this.#put(item, time, index);
  }

  #put(item: T, time: number, index: number): void {
    this.#items[index] = item;
    this.#times[index] = time;
    item.heapIndex = index;
  }
}
