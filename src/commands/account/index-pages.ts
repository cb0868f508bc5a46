import type { EventData } from '../../events/events.ts';
import type { RevisionRange } from '../core/decider.ts';
import {
  blockEvents,
  blockIn,
  blockOf,
  blocksOf,
  entryOf,
  fromText,
  joined,
  type Sorted,
  sorted,
  Trail,
  toText,
} from './entries.ts';

/** The ids that the events of a range of revisions name, as in an `AccountIndexed`. */
export interface Page {
  /** The revision of that event. */
  readonly revision: number;
  readonly from: number;
  readonly to: number;
  /**
   * When the account's newest time is later than this, in milliseconds since the epoch, the entries
   * no longer count. The value is never smaller than on an older page. Otherwise the account could
   * forget the end of a payment before its beginning.
   */
  readonly countsUntilMs: number;
  readonly entries: Sorted;
  readonly refunds: Sorted;
}

/** The index of an account: the places in its stream that name an id. */
export interface AccountIndex {
  /**
   * Oldest first, without gaps between them. There are none while a plain snapshot has everything.
   */
  readonly pages: readonly Page[];
  /** Revisions of pages that the last snapshot names and that were not read yet. */
  readonly missing: readonly number[];
  /** After the last page. */
  readonly rest: Rest;
}

/** The ids of events that are on no page yet. */
interface Rest {
  readonly from: number;
  readonly countsUntilMs: number;
  readonly entries: Trail;
  readonly refunds: Trail;
}

const restFrom = (from: number, countsUntilMs: number): Rest => ({
  ...{ from, countsUntilMs },
  entries: Trail.of([]),
  refunds: Trail.of([]),
});

export const emptyIndex: AccountIndex = { pages: [], missing: [], rest: restFrom(0, 0) };

/** How large pages become. */
export interface PageBounds {
  /** Entries of one page, refunds with them: 50,000 are 533 kB of base64. */
  readonly entriesMax: number;
  /** A page with fewer entries is small. Each larger kind of page has `fanOut` times as many. */
  readonly smallMax: number;
  /**
   * When there are so many pages of one kind at the end, they become one page. So each entry is
   * written once per kind.
   */
  readonly fanOut: number;
}

/** The index after an event that names an id. */
export function named(
  index: AccountIndex,
  id: string,
  { revision, countsUntilMs, isRefund }: Naming,
): AccountIndex {
  const { rest } = index;
  const entry = entryOf(id, revision);
  const entries = isRefund ? rest.entries : rest.entries.with(entry);
  const refunds = isRefund ? rest.refunds.with(entry) : rest.refunds;
  const until = Math.max(rest.countsUntilMs, countsUntilMs);
  const { pages, missing } = index;
  return { pages, missing, rest: { from: rest.from, countsUntilMs: until, entries, refunds } };
}

interface Naming {
  readonly revision: number;
  readonly countsUntilMs: number;
  readonly isRefund: boolean;
}

/** The index after a plain snapshot, which needs none. */
export const afterPlainSnapshot = (revision: number): AccountIndex => ({
  ...emptyIndex,
  rest: restFrom(revision, 0),
});

/** The index after a snapshot that names pages. */
export function afterTotals(index: AccountIndex, revisions: readonly number[]): AccountIndex {
  const known = new Map(index.pages.map((page) => [page.revision, page]));
  const pages = revisions.flatMap((revision) => known.get(revision) ?? []);
  const missing = revisions.filter((revision) => !known.has(revision));
  // The last page covers all events before it, and the snapshot is the next event.
  return { pages, missing, rest: restFrom(revisions.at(-1) ?? 0, index.rest.countsUntilMs) };
}

/** The index after a page. */
export function withPage(index: AccountIndex, page: Page): AccountIndex {
  const pages = [...index.pages.filter(({ to }) => to < page.from), page];
  const { rest } = index;
  const countsUntilMs = Math.max(rest.countsUntilMs, page.countsUntilMs);
  if (page.to + 1 >= page.revision) {
    return { ...index, pages, rest: restFrom(page.to + 1, countsUntilMs) };
  }
  const after = (trail: Trail) => Trail.of(trail.slice(untilBlock(trail, blockOf(page.to))));
  const left = { entries: after(rest.entries), refunds: after(rest.refunds) };
  return { ...index, pages, rest: { from: page.to + 1, countsUntilMs, ...left } };
}

/** The index with a page that a snapshot names; undefined when none does. */
export function withMissing(index: AccountIndex, page: Page): AccountIndex | undefined {
  if (!index.missing.includes(page.revision)) return undefined;
  const missing = index.missing.filter((revision) => revision !== page.revision);
  // A later page may have replaced this one.
  const isIn = index.pages.some(({ from, to }) => from <= page.from && page.to <= to);
  const pages = isIn ? index.pages : [...index.pages, page].sort((a, b) => a.from - b.from);
  const countsUntilMs = Math.max(index.rest.countsUntilMs, page.countsUntilMs);
  return { pages, missing, rest: { ...index.rest, countsUntilMs } };
}

export function pageOf(
  { from, to, countsUntil, ...texts }: EventData['AccountIndexed'],
  revision: number,
): Page | undefined {
  const [entries, refunds] = [fromText(texts.entries), fromText(texts.refunds)];
  if (entries === undefined || refunds === undefined) return undefined;
  return { revision, from, to, countsUntilMs: Date.parse(countsUntil), entries, refunds };
}

/**
 * The ranges up to a revision in which the stream may name the id.
 * @param snapshotAtMs the time from which the last snapshot measured ages. The entries of a page
 * count until the next snapshot leaves the page out
 */
export function rangesOf(
  id: string,
  { pages }: AccountIndex,
  { revision, snapshotAtMs }: { readonly revision: number; readonly snapshotAtMs: number },
): RevisionRange[] {
  const blocks = new Set<number>();
  for (const page of pages) {
    const parts = isOver(page, snapshotAtMs) ? [page.refunds] : [page.entries, page.refunds];
    for (const part of parts) for (const block of blocksOf(id, part)) blocks.add(block);
  }
  const places = [...blocks].sort((a, b) => a - b);
  return places.map((block) => ({
    from: block * blockEvents,
    to: Math.min((block + 1) * blockEvents - 1, revision),
  }));
}

/** Do a page's entries no longer count? */
const isOver = ({ countsUntilMs }: Page, latestMs: number): boolean => countsUntilMs < latestMs;

/** Does any page still count? */
export const counts = ({ pages, missing }: AccountIndex, latestMs: number): boolean =>
  missing.length > 0 || pages.some((page) => page.refunds.length > 0 || !isOver(page, latestMs));

/**
 * The page that an account writes next.
 * @param revision the page's own
 */
export interface NextPage {
  readonly page: Page;
  /**
   * Older pages that stay beside it. Undefined if it does not cover all events before it, so that
   * more pages follow.
   */
  readonly before: readonly Page[] | undefined;
}

/**
 * @param revision the revision of the next page @returns the possible next pages, from the smallest
 * to the one that replaces the most others
 */
export function nextPages(
  { pages, rest }: AccountIndex,
  { revision, latestMs, bounds }: { revision: number; latestMs: number; bounds: PageBounds },
): readonly NextPage[] {
  const { from, countsUntilMs } = rest;
  const to = cut(rest, bounds.entriesMax);
  if (to < revision - 1) {
    const [entries, refunds] = [rest.entries, rest.refunds].map((trail) =>
      sorted(trail.slice(0, untilBlock(trail, blockOf(to)))),
    ) as [Sorted, Sorted];
    return [{ page: { revision, from, to, countsUntilMs, entries, refunds }, before: undefined }];
  }
  let page: Page = {
    ...{ revision, from, to: revision - 1, countsUntilMs },
    entries: sorted(rest.entries.slice(0)),
    refunds: sorted(rest.refunds.slice(0)),
  };
  // When the entries of a page no longer count, its refunds move to the new page. They stay if
  // there are too many of them.
  const before: Page[] = [];
  for (const old of pages) {
    const moves = isOver(old, latestMs) && old.refunds.length <= bounds.entriesMax / 2;
    if (moves && size(page) + old.refunds.length <= bounds.entriesMax) {
      page = { ...page, refunds: joined([old.refunds, page.refunds]) };
    } else {
      before.push(old);
    }
  }
  const found: NextPage[] = [{ page, before }];
  let left = before.length;
  for (let kindMax = bounds.smallMax; ; kindMax *= bounds.fanOut) {
    let first = left;
    for (; first > 0; first -= 1) {
      const old = before[first - 1] as Page;
      // Between the pages that no longer count, there may be pages that no snapshot names now.
      if (isOver(old, latestMs) || size(old) >= kindMax) break;
    }
    const merged = [...before.slice(first, left), page];
    const total = merged.reduce((sum, one) => sum + size(one), 0);
    if (merged.length < bounds.fanOut || total > bounds.entriesMax) return found;
    page = {
      ...page,
      from: merged[0]?.from ?? page.from,
      entries: joined(merged.map((one) => one.entries)),
      refunds: joined(merged.map((one) => one.refunds)),
    };
    left = first;
    found.push({ page, before: before.slice(0, left) });
  }
}

export const indexedData = (page: Page): EventData['AccountIndexed'] => ({
  from: page.from,
  to: page.to,
  countsUntil: new Date(page.countsUntilMs).toISOString(),
  entries: toText(page.entries),
  refunds: toText(page.refunds),
});

const size = ({ entries, refunds }: Page): number => entries.length + refunds.length;

/**
 * The number of entries of a trail up to a block. A trail has its entries in the order of events.
 */
function untilBlock(trail: Trail, block: number): number {
  let low = 0;
  for (let high = trail.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (blockIn(trail.at(middle) ?? 0) <= block) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The last revision of the blocks that fit on one page, at least one block. Infinite if all blocks
 * fit.
 */
function cut({ from, entries, refunds }: Rest, entriesMax: number): number {
  if (entries.length + refunds.length <= entriesMax) return Number.POSITIVE_INFINITY;
  const until = (block: number) => untilBlock(entries, block) + untilBlock(refunds, block);
  let block = blockOf(from);
  while (until(block + 1) <= entriesMax) block += 1;
  return (block + 1) * blockEvents - 1;
}
