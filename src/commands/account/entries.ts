import { fnv1a } from '../core/fnv1a.ts';

/**
 * An entry says that an event near a revision names an id: `hash × 2^21 + block` in a number of 53
 * bits. The hash is FNV-1a of the id, the block is the revision divided by 512. Two ids may have
 * the same hash, so the service must read the block of an entry. `AccountIndexed` has this form in
 * the log.
 */

const blocksMax = 2 ** 21;
export const blockEvents = 512;

/**
 * The last revision that an index can contain, about a thousand million. Longer streams have no
 * index.
 */
export const revisionMax = blocksMax * blockEvents - 1;

export const blockOf = (revision: number): number => Math.floor(revision / blockEvents);
export const entryOf = (id: string, revision: number): number =>
  fnv1a(id) * blocksMax + blockOf(revision);
export const blockIn = (entry: number): number => entry % blocksMax;

/** Entries in ascending order, each once. */
export type Sorted = Float64Array;

export function sorted(entries: Iterable<number>): Sorted {
  const all = Float64Array.from(entries).sort();
  let kept = 0;
  for (const entry of all) if (kept === 0 || all[kept - 1] !== entry) all[kept++] = entry;
  return all.slice(0, kept);
}

export function joined(parts: readonly Sorted[]): Sorted {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return sorted(all);
}

/** Blocks in which the id may be named. */
export function blocksOf(id: string, entries: Sorted): number[] {
  const hash = fnv1a(id);
  let low = 0;
  for (let high = entries.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as number) < hash * blocksMax) low = middle + 1;
    else high = middle;
  }
  const blocks: number[] = [];
  for (let entry = entries[low]; entry !== undefined; entry = entries[++low]) {
    if (entry >= (hash + 1) * blocksMax) break;
    blocks.push(blockIn(entry));
  }
  return blocks;
}

export const toText = (entries: Sorted): string =>
  Buffer.from(entries.buffer, entries.byteOffset, entries.byteLength).toString('base64');

/**
 * The entries of a text that the event's schema has accepted. Undefined if they are not in order.
 */
export function fromText(text: string): Sorted | undefined {
  const bytes = Buffer.from(text, 'base64');
  // A buffer from Node's pool may begin at an offset that is not allowed for doubles.
  const entries = new Float64Array(new Uint8Array(bytes).buffer);
  for (let i = 1; i < entries.length; i++) {
    if (!((entries[i - 1] as number) < (entries[i] as number))) return undefined;
  }
  return entries;
}

/**
 * A list of numbers that grows by one number at a time. Its versions share their common part. The
 * longest version grows in place, so a long list costs nothing more while it grows. If a second
 * list grows from the same version, the list is copied for it.
 */
export class Trail {
  readonly #shared: number[];
  readonly length: number;

  private constructor(shared: number[], length: number) {
    this.#shared = shared;
    this.length = length;
  }

  static of(numbers: readonly number[]): Trail {
    return new Trail([...numbers], numbers.length);
  }

  with(number: number): Trail {
    const shared = this.#shared.length === this.length ? this.#shared : this.slice(0);
    shared.push(number);
    return new Trail(shared, this.length + 1);
  }

  at(index: number): number | undefined {
    return index < this.length ? this.#shared[index] : undefined;
  }

  slice(start: number, end = this.length): number[] {
    return this.#shared.slice(start, Math.min(end, this.length));
  }
}
