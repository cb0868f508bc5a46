import { expect } from 'chai';
import fc from 'fast-check';
import { fnv1a } from '../../src/commands/core/fnv1a.ts';
import { PersistentMap } from '../../src/commands/core/persistent-map.ts';

/** Keys of one hash: the start is made so, and what follows is the same. */
function sameHash(): [string, string] {
  const seen = new Map<number, string>();
  for (let n = 0; ; n++) {
    const key = n.toString(36);
    const other = seen.get(fnv1a(key));
    if (other !== undefined) return [other, key];
    seen.set(fnv1a(key), key);
  }
}

describe('a map that is changed by copies', () => {
  it('has what a Map has, and leaves each copy as it was', () => {
    const puts = fc.array(fc.tuple(fc.nat(400).map(String), fc.nat()), { maxLength: 600 });
    fc.assert(
      fc.property(puts, fc.nat(600), (all, half) => {
        let map = PersistentMap.empty<number>();
        const expected = new Map<string, number>();
        let before: { map: typeof map; entries: [string, number][] } | undefined;
        for (const [n, [key, value]] of all.entries()) {
          if (n === half) before = { map, entries: [...expected] };
          map = map.with(key, value);
          expected.set(key, value);
        }
        const sorted = (entries: Iterable<readonly [string, number]>) => [...entries].sort();
        expect(sorted(map.entries())).to.deep.equal(sorted(expected));
        for (const key of ['0', '7', 'never']) expect(map.get(key)).to.equal(expected.get(key));
        if (before === undefined) return;
        expect(sorted(before.map.entries())).to.deep.equal(sorted(before.entries));
      }),
      { numRuns: 100 },
    );
  });

  it('tells keys of one hash apart, however many there are', () => {
    const [a, b] = sameHash();
    const keys = Array.from({ length: 20 }, (_, n) => [`${a}${n}`, `${b}${n}`]).flat();
    // Pairs of one hash, in a leaf that many others share.
    let map = PersistentMap.empty<string>();
    for (const key of keys) map = map.with(key, key);
    const same = Array.from({ length: 12 }, () => a);
    for (const key of [...keys, ...same]) map = map.with(key, key);
    expect(keys.map((key) => map.get(key))).to.deep.equal(keys);
    expect([...map.entries()]).to.have.length(keys.length + 1);
  });
});
