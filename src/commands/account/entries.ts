import { fnv1a } from '../core/fnv1a.ts';

/**
 * An entry says that an event near a revision names an id: `hash × 2^21 + block` in a number of
 * 53 bits. The hash is FNV-1a of the id, the block is the revision divided by 512. Two ids may have
 * one hash: the block of an entry has to be read. This is the form of `AccountIndexed` in the log.
 */

const blocksMax = 2 ** 21;
export const blockEvents = 512;

/** Streams that are longer are not indexed: a thousand million events. */
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

/** Of text that the event's schema has taken; undefined when the entries are in no order. */
export function fromText(text: string): Sorted | undefined {
  const bytes = Buffer.from(text, 'base64');
  // Bytes of a pool begin where no double may.
  const entries = new Float64Array(new Uint8Array(bytes).buffer);
  for (let i = 1; i < entries.length; i++) {
    if (!((entries[i - 1] as number) < (entries[i] as number))) return undefined;
  }
  return entries;
}

/**
 * Numbers to which one is added at a time, in copies that share what they have in common. The
 * longest copy grows in place: keeping a long one costs nothing while it grows. A copy from which
 * two others grow is copied for the second.
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
