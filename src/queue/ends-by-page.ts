import { type Expiring, ExpiryHeap } from '../shared-state/expiry-heap.ts';

/**
 * The duration of a page, in milliseconds. With pauses of 20 s, there are about 30 pages. A heap
 * with the places of one page is small.
 */
const pageMs = 1_000;

/** Something that ends at a time. `EndsByPage` sets `page`: the number of its page, or −1. */
export interface Dated extends Expiring {
  page: number;
}

/** The items that end in a period of `pageMs`, or later. */
interface Page<T> extends Expiring {
  readonly number: number;
  readonly items: T[];
}

/**
 * Places by their end. A page is the list of the places that end in one period of `pageMs`. If an
 * end becomes later, the place stays on its page. So a poll usually writes only the new end. When
 * the page begins, its places move to a heap by their end, or to a later page. The heap is small,
 * because it has only the places of pages that have begun. If an end becomes earlier, the place is
 * added to an earlier page. Its old page then skips it, and also skips places that were removed.
 */
export class EndsByPage<T extends Dated> {
  /** The places of the pages that have begun. */
  readonly #soon = new ExpiryHeap<T>();
  readonly #pages = new Map<number, Page<T>>();
  readonly #pagesInOrder = new ExpiryHeap<Page<T>>();
  /** The last page that has begun. */
  #begun = -1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The earliest place of the pages that have begun. */
  earliest(): T | undefined {
    return this.#soon.earliest();
  }

  /**
   * Moves places of pages that have begun to the heap or to later pages. Each change of an end
   * causes at most one of these moves. So with `stepsMax` above 1 no backlog grows.
   * @param stepsMax the largest number of moves; the next call does the rest
   */
  turnTo(now: number, stepsMax: number): void {
    this.#begun = Math.max(this.#begun, pageAt(now));
    for (let steps = 0; steps < stepsMax; steps += 1) {
      const page = this.#pagesInOrder.earliest();
      if (page === undefined || page.number > this.#begun) return;
      const item = page.items.pop();
      if (item === undefined) this.#drop(page);
      else if (item.page === page.number) this.#put(item, pageAt(item.expiresAt));
    }
  }

  add(item: T): void {
    this.#size += 1;
    this.#put(item, pageAt(item.expiresAt));
  }

  /** Changes the end of a place. */
  set(item: T, expiresAt: number): void {
    const page = pageAt(expiresAt);
    const isSoon = item.heapIndex >= 0;
    if (isSoon && page <= this.#begun) {
      this.#soon.set(item, expiresAt);
      return;
    }
    if (isSoon) this.#soon.remove(item);
    item.expiresAt = expiresAt;
    if (isSoon || page < item.page) this.#put(item, page);
  }

  remove(item: T): void {
    this.#size -= 1;
    if (item.heapIndex >= 0) this.#soon.remove(item);
    item.page = -1;
  }

  #put(item: T, number: number): void {
    if (number <= this.#begun) {
      item.page = -1;
      this.#soon.add(item);
      return;
    }
    item.page = number;
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = { number, items: [], expiresAt: number, heapIndex: -1 };
      this.#pages.set(number, page);
      this.#pagesInOrder.add(page);
    }
    page.items.push(item);
  }

  #drop(page: Page<T>): void {
    this.#pages.delete(page.number);
    this.#pagesInOrder.remove(page);
  }
}

const pageAt = (time: number): number => Math.floor(time / pageMs);
