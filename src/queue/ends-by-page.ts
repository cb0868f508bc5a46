import { type Expiring, ExpiryHeap } from '../shared-state/expiry-heap.ts';

/**
 * The duration of a page, in milliseconds. With pauses of 20 s, there are about 30 pages. A heap
 * with the places of one page is small.
 */
const pageMs = 1_000;

/** Something that ends at a time. `EndsByPage` sets `listedAt`. */
export interface Dated {
  readonly userId: string;
  expiresAt: number;
  /**
   * The time of its current entry: the start of its page, or its time in the heap. −1: the place
   * does not wait. Infinity: the place is over, and the next `set` makes a new entry.
   */
  listedAt: number;
}

/** The users whose places end in a period of `pageMs`, or later. */
interface Page extends Expiring {
  readonly userIds: string[];
}

/** An entry of the heap. */
interface Soon extends Expiring {
  readonly userId: string;
}

/**
 * Waiting users by the end of their places. A page lists the users whose places end in one period
 * of `pageMs`. If an end becomes later, the entry of the place stays where it is. So a poll usually
 * writes only the new end. When the page begins, its places move to a heap by their end, or to a
 * later page. The heap is small, because it has only the places of pages that have begun. If the
 * new end is before the current entry, the place gets a new entry. An entry that is not the current
 * one of its place is skipped later.
 */
export class EndsByPage<T extends Dated> {
  readonly #find: (userId: string) => T | undefined;
  /** Entries of the pages that have begun. */
  readonly #soon = new ExpiryHeap<Soon>();
  readonly #pages = new Map<number, Page>();
  readonly #pagesInOrder = new ExpiryHeap<Page>();
  /** The start of the last page that has begun. */
  #begun = -1;
  #size = 0;

  /** @param find gives the current place of a user */
  constructor(find: (userId: string) => T | undefined) {
    this.#find = find;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Ends places that are over. A call does a bounded amount of work; the next call does the rest.
   * @param endsMax the largest number of places to end. A call looks at up to three times as many
   * entries
   * @param end called with a place that is over; gives it another end, or removes it
   */
  endThoseOver(now: number, endsMax: number, end: (place: T) => void): void {
    this.#turnTo(now, endsMax);
    // Some entries are out of date, or their places have a later end.
    for (let [steps, ended] = [0, 0]; steps < 2 * endsMax && ended < endsMax; steps += 1) {
      const place = this.#takeEarliest(now);
      if (place === 'done') return;
      if (place === undefined) continue;
      ended += 1;
      end(place);
    }
  }

  add(place: T): void {
    this.#size += 1;
    this.#list(place);
  }

  /** Changes the end of a place. */
  set(place: T, expiresAt: number): void {
    place.expiresAt = expiresAt;
    if (expiresAt < place.listedAt) this.#list(place);
  }

  remove(place: T): void {
    this.#size -= 1;
    place.listedAt = -1;
  }

  /**
   * Moves places of pages that have begun to the heap or to later pages. Each change of an end
   * causes at most one of these moves. So with `stepsMax` above 1 no backlog grows.
   */
  #turnTo(now: number, stepsMax: number): void {
    this.#begun = Math.max(this.#begun, pageAt(now));
    for (let steps = 0; steps < stepsMax; steps += 1) {
      const page = this.#pagesInOrder.earliest();
      if (page === undefined || page.expiresAt > this.#begun) return;
      const userId = page.userIds.pop();
      if (userId === undefined) {
        this.#drop(page);
        continue;
      }
      const place = this.#current(userId, page.expiresAt);
      if (place !== undefined) this.#list(place);
    }
  }

  /**
   * Takes the earliest entry out of the heap.
   * @returns its place if it is over; undefined if it is not; `done` if no entry is due
   */
  #takeEarliest(now: number): T | 'done' | undefined {
    const first = this.#soon.earliest();
    if (first === undefined || first.expiresAt > now) return 'done';
    this.#soon.remove(first);
    const place = this.#current(first.userId, first.expiresAt);
    if (place === undefined) return undefined;
    if (place.expiresAt > now) {
      this.#list(place);
      return undefined;
    }
    place.listedAt = Infinity;
    return place;
  }

  /** The place of an entry, if this entry is its current one. */
  #current(userId: string, listedAt: number): T | undefined {
    const place = this.#find(userId);
    return place?.listedAt === listedAt ? place : undefined;
  }

  #list(place: T): void {
    const { userId, expiresAt } = place;
    const start = pageAt(expiresAt);
    if (start <= this.#begun) {
      place.listedAt = expiresAt;
      this.#soon.add({ userId, expiresAt, heapIndex: -1 });
      return;
    }
    place.listedAt = start;
    let page = this.#pages.get(start);
    if (page === undefined) {
      page = { userIds: [], expiresAt: start, heapIndex: -1 };
      this.#pages.set(start, page);
      this.#pagesInOrder.add(page);
    }
    page.userIds.push(userId);
  }

  #drop(page: Page): void {
    this.#pages.delete(page.expiresAt);
    this.#pagesInOrder.remove(page);
  }
}

/** The start of the page of a time. */
const pageAt = (time: number): number => Math.floor(time / pageMs) * pageMs;
