/** An element of the heap. The heap sets `heapIndex`; it is −1 outside of the heap. */
export interface Expiring {
  expiresAt: number;
  heapIndex: number;
}

/**
 * The number of children of an element. More children make the heap lower, and they are adjacent in
 * memory.
 */
const arity = 4;

/**
 * A heap by `expiresAt`, earliest first. Its elements know their index, so any change takes O(log
 * n). The times are also in a separate list. So a comparison of two times does not read the
 * elements. In a heap of a million, those reads would take most of the time.
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

  /** Removes an element of the heap. */
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
