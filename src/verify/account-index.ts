import { type LogEvent, list, money, text, timeMs, Unreadable } from './finding.ts';

/** The number of events that share one block number in an entry. */
const blockEvents = 512;
const blocks = 2 ** 21;
/**
 * The time for which the service must recognise a repeated charge, and a payment after the end of
 * its hold. In milliseconds.
 */
const chargeCountsMs = 2 * 86_400_000;
const paymentCountsMs = 60_000;

/** An event that names a charge or a payment. */
interface Naming {
  readonly revision: number;
  readonly entry: number;
  readonly isRefund: boolean;
  /** A retry may need it until this time. 0: it counts only as long as its charge or payment. */
  readonly untilMs: number;
}

interface Index {
  readonly from: number;
  readonly to: number;
  readonly untilMs: number;
  readonly refunds: readonly number[];
}

/** FNV-1a, 32 bits. */
function hashOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let n = 0; n < id.length; n += 1) {
    hash ^= id.charCodeAt(n);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/** Doubles in base64. */
function doubles(event: LogEvent, field: string): number[] {
  const value = event.data[field];
  if (typeof value !== 'string') throw new Unreadable(`${field} is no text`);
  const bytes = Buffer.from(value, 'base64');
  const isText = bytes.toString('base64') === value && bytes.length % 8 === 0;
  if (!isText) throw new Unreadable(`${field} is no doubles in base64`);
  return Array.from({ length: bytes.length / 8 }, (_, n) => bytes.readDoubleLE(n * 8));
}

const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((one, n) => one === b[n]);

/** In ascending order, each once. */
const unique = (entries: readonly number[]): number[] =>
  [...new Set(entries)].sort((a, b) => a - b);

/**
 * Compares the events of an account with the entries in its indexes and with the entries that its
 * totals leave out.
 */
export class AccountIndexes {
  /**
   * The entries since the last complete summary, with those of that summary; in the order of their
   * events.
   */
  #namings: Naming[] = [];
  #indexes = new Map<number, Index>();
  /** The value of the newest index. No index may end before an older one. */
  #untilMs = 0;
  /** The number of entries that totals left out correctly. */
  #leftOut = 0;
  /** The indexes that the last totals name. */
  #named: readonly number[] = [];
  /** For each refund, the number of named indexes that have it. */
  #told = new Map<number, number>();
  #untold = 0;
  /** The newest time in an event. */
  #latestMs = 0;

  charged(event: LogEvent): void {
    const atMs = timeMs(event, 'at');
    this.#latestMs = Math.max(this.#latestMs, atMs);
    this.#name(event, text(event, 'chargeId'), atMs + chargeCountsMs);
  }

  held(event: LogEvent): void {
    this.#latestMs = Math.max(this.#latestMs, timeMs(event, 'at'));
    this.#name(event, text(event, 'paymentId'), timeMs(event, 'holdExpiresAt') + paymentCountsMs);
  }

  ended(event: LogEvent): void {
    this.#name(event, text(event, 'paymentId'), 0, event.type === 'PaymentRefunded');
  }

  /** A summary with all entries that count: earlier entries are not needed after it. */
  summarised(event: LogEvent): void {
    this.#namings = [];
    this.#indexes = new Map();
    this.#untilMs = 0;
    this.#leftOut = 0;
    this.#named = [];
    this.#told = new Map();
    this.#untold = 0;
    for (const charge of list(event, 'charges')) {
      this.#name(event, text(charge, 'chargeId'), timeMs(charge, 'at') + chargeCountsMs);
    }
    for (const payment of list(event, 'payments')) {
      const untilMs = timeMs(payment, 'holdExpiresAt') + paymentCountsMs;
      const isRefund = text(payment, 'status') === 'refunded';
      this.#name(event, text(payment, 'paymentId'), untilMs, isRefund);
    }
  }

  /**
   * Checks that an index has exactly the entries of the events in its range.
   * @returns the fault, if any
   */
  indexed(event: LogEvent): string | undefined {
    const [from, to] = [money(event, 'from'), money(event, 'to')];
    const untilMs = timeMs(event, 'countsUntil');
    const refunds = doubles(event, 'refunds');
    const revision = Number(event.revision);
    const within = this.#namings.slice(this.#at(from), this.#at(to + 1));
    const of = (isRefund: boolean) =>
      unique(within.filter((one) => one.isRefund === isRefund).map(({ entry }) => entry));
    const end = within.reduce((latest, one) => Math.max(latest, one.untilMs), this.#untilMs);
    this.#indexes.set(revision, { from, to, untilMs, refunds });
    this.#untilMs = untilMs;
    if (from > to + 1 || to >= revision) return `events ${from} to ${to} are no range before it`;
    if (!same(doubles(event, 'entries'), of(false))) return 'its entries are not what events name';
    if (!same(refunds, unique(refunds))) return 'its refunds are in no order';
    const has = new Set(refunds);
    if (!of(true).every((entry) => has.has(entry))) return 'it lacks a refund';
    if (!refunds.every((entry) => this.#told.has(entry)))
      return 'it has a refund that does not exist';
    if (untilMs < Math.min(end, lastMs)) return 'it counts for a shorter time than its entries';
    return undefined;
  }

  /**
   * Checks that the indexes in the totals have all entries that count.
   * @returns the fault, if any
   */
  totalled(event: LogEvent): string | undefined {
    const revision = Number(event.revision);
    const latestMs = timeMs(event, 'latestAt');
    const named = event.data.indexes;
    if (!Array.isArray(named)) throw new Unreadable('indexes is no list');
    this.#rename(named);
    if (latestMs > this.#latestMs) return 'its latest moment is later than any event’s';
    if (this.#untold > 0) return `${this.#untold} refunds are in none of its indexes`;
    let next = revision - 1;
    for (const at of named.toReversed()) {
      const index = this.#indexes.get(at);
      if (index === undefined) return `event ${at} is no index that it may name`;
      if (index.untilMs < latestMs) continue;
      if (index.to + 1 !== next) return `events ${index.to + 1} to ${next - 1} are in none of them`;
      next = index.from;
    }
    const left = this.#at(next);
    for (; this.#leftOut < left; this.#leftOut += 1) {
      const one = this.#namings[this.#leftOut];
      const counts = one !== undefined && !one.isRefund && one.untilMs >= latestMs;
      if (counts) return `event ${one.revision} still counts, and is in none of its indexes`;
    }
    return undefined;
  }

  #name({ revision }: LogEvent, id: string, untilMs: number, isRefund = false): void {
    const at = Number(revision);
    const entry = hashOf(id) * blocks + Math.floor(at / blockEvents);
    this.#namings.push({ revision: at, entry, isRefund, untilMs });
    if (!isRefund || this.#told.has(entry)) return;
    this.#told.set(entry, 0);
    this.#untold += 1;
  }

  /**
   * Counts, for each refund, the named indexes that have it: from the old names to the new names.
   */
  #rename(named: readonly number[]): void {
    const [before, now] = [new Set(this.#named), new Set(named)];
    for (const at of now) if (!before.has(at)) this.#tell(at, 1);
    for (const at of before) if (!now.has(at)) this.#tell(at, -1);
    this.#named = named;
  }

  #tell(revision: number, by: number): void {
    for (const entry of this.#indexes.get(revision)?.refunds ?? []) {
      const count = this.#told.get(entry);
      if (count === undefined) continue;
      this.#told.set(entry, count + by);
      if (count === 0) this.#untold -= 1;
      if (count + by === 0) this.#untold += 1;
    }
  }

  /** The number of entries for events before a revision. */
  #at(revision: number): number {
    let low = 0;
    for (let high = this.#namings.length; low < high; ) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#namings[middle]?.revision ?? 0) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** No event has a later time. */
const lastMs = Date.parse('9999-12-31T23:59:59.999Z');
