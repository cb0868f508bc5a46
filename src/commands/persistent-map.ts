const bucketCount = 256;

/**
 * A map whose `with` returns a changed copy and leaves the original as it is, at the price of copying one bucket of 256.
 * For states that collect thousands of entries and are folded ahead of their append.
 */
export class PersistentMap<Value> {
  private readonly buckets: readonly (ReadonlyMap<string, Value> | undefined)[];

  private constructor(buckets: readonly (ReadonlyMap<string, Value> | undefined)[]) {
    this.buckets = buckets;
  }

  static empty<Value>(): PersistentMap<Value> {
    return new PersistentMap<Value>(new Array(bucketCount).fill(undefined));
  }

  get(key: string): Value | undefined {
    return this.buckets[bucketOf(key)]?.get(key);
  }

  /** All entries, in no particular order. */
  *entries(): Generator<[string, Value]> {
    for (const bucket of this.buckets) if (bucket !== undefined) yield* bucket;
  }

  with(key: string, value: Value): PersistentMap<Value> {
    const at = bucketOf(key);
    const buckets = this.buckets.slice();
    buckets[at] = new Map(this.buckets[at]).set(key, value);
    return new PersistentMap(buckets);
  }
}

/** FNV-1a, folded to a bucket's number. */
function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 8) ^ (hash >>> 16)) & (bucketCount - 1);
}
