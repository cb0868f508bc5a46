import { expect } from 'chai';
import fc from 'fast-check';
import { RankedLine } from '../../src/queue/ranked-line.ts';
import { newSecret, parseToken, sameSecret, tokenOf } from '../../src/queue/token.ts';
import { type Expiring, ExpiryHeap } from '../../src/shared-state/expiry-heap.ts';
import { mulberry32 } from './support/simulation.ts';

describe('RankedLine', () => {
  /** Two of each rank, by their ids: halves of the numbers are the ranks. */
  const one = (number: number) => ({
    rank: number >> 1,
    userId: number % 2 === 0 ? 'a' : 'b',
    lineIndex: 0,
  });

  /** What is told of every one in the line, or of some of a long one. */
  const compare = (line: RankedLine, array: readonly number[], step: number): void => {
    expect(line.size).to.equal(array.length);
    for (let index = 0; index < array.length; index += step) {
      const number = array[index] as number;
      if (line.ahead(one(number)) !== index) expect.fail(`rank of ${number} is not ${index}`);
    }
  };

  it('agrees with a sorted array: joining at the back, in between and again, leaving from anywhere', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('join' as const), number: fc.nat(10_000) }),
      fc.record({ kind: fc.constant('back' as const), number: fc.constant(0) }),
      fc.record({ kind: fc.constant('leave' as const), number: fc.nat(200) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (history) => {
        const line = new RankedLine();
        const array: number[] = [];
        const join = (number: number): void => {
          if (array.includes(number)) return;
          line.add(one(number));
          array.push(number);
          array.sort((a, b) => a - b);
        };
        for (const { kind, number } of history) {
          if (kind === 'join') {
            join(number);
          } else if (kind === 'back') {
            join((array.at(-1) ?? 0) + 1);
          } else if (array.length > 0) {
            const [left] = array.splice(number % array.length, 1) as [number];
            line.remove(one(left));
          }
          compare(line, array, 1);
        }
      }),
    );
  });

  it('agrees with one also when it is long: filled at the back, in between, and emptied from all ends', () => {
    const chance = mulberry32(7);
    const line = new RankedLine();
    let array: number[] = [];
    const leave = (index: number): void => {
      const [number] = array.splice(index, 1) as [number];
      line.remove(one(number));
    };
    for (let n = 0; n < 5_000; n += 1) {
      line.add(one(10 * n));
      array.push(10 * n);
    }
    compare(line, array, 1);
    const late = Array.from({ length: 5_000 }, (_, n) => 10 * n + 1 + Math.floor(9 * chance()));
    for (const number of late.sort(() => chance() - 0.5)) line.add(one(number));
    array = [...array, ...late].sort((a, b) => a - b);
    compare(line, array, 1);
    for (let round = 0; array.length > 0; round += 1) {
      leave(0);
      if (array.length > 0) leave(array.length - 1);
      for (let n = 0; n < 3 && array.length > 0; n += 1) leave(Math.floor(chance() * array.length));
      if (round % 100 === 0) compare(line, array, 7);
    }
    line.add(one(5));
    compare(line, [5], 1);
  });
});

describe('RankedLine, with what its members know of their index', () => {
  const users = ['a', 'b', 'c'];
  interface Step {
    readonly kind: 'join' | 'leave' | 'ahead';
    readonly which: number;
    readonly rank: number;
    /** An index that the member has by mistake. */
    readonly wrong: number | null;
  }
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom('join', 'join', 'leave', 'ahead', 'ahead'),
    which: fc.nat(2_000),
    rank: fc.nat(400),
    wrong: fc.option(fc.nat(600), { freq: 4 }),
  });

  it('agrees with sorting, when the index is old or wrong, and ranks are equal', () => {
    const check = (history: readonly Step[]) => {
      const line = new RankedLine();
      const there: { rank: number; userId: string; lineIndex: number }[] = [];
      // More than a block, so that the steps also cut and merge blocks.
      for (let n = 0; n < 520; n += 1) {
        const one = { rank: n >> 1, userId: `m${n % 2}`, lineIndex: 0 };
        line.add(one);
        there.push(one);
      }
      for (const [nth, { kind, which, rank, wrong }] of history.entries()) {
        const one = there[which % there.length] as (typeof there)[number];
        if (wrong !== null) one.lineIndex = wrong;
        if (kind === 'join') {
          const joined = { rank, userId: `${users[which % 3]}-${nth}`, lineIndex: wrong ?? 0 };
          line.add(joined);
          there.push(joined);
        } else if (kind === 'leave') {
          line.remove(one);
          there.splice(there.indexOf(one), 1);
        } else {
          const ahead = there.filter(
            (other) =>
              other.rank < one.rank || (other.rank === one.rank && other.userId < one.userId),
          );
          expect(line.ahead(one)).to.equal(ahead.length);
        }
        expect(line.size).to.equal(there.length);
      }
    };
    fc.assert(fc.property(fc.array(step, { maxLength: 300 }), check), { numRuns: 100 });
  });
});

describe('ExpiryHeap', () => {
  it('agrees with a sorted array', () => {
    const steps = fc.array(
      fc.tuple(fc.constantFrom('add', 'set', 'remove'), fc.nat(50), fc.nat(50)),
    );
    fc.assert(
      fc.property(steps, (history) => {
        const heap = new ExpiryHeap<Expiring>();
        const items: Expiring[] = [];
        for (const [kind, nth, expiresAt] of history) {
          const index = items.length > 0 ? nth % items.length : 0;
          const item = items[index];
          if (kind === 'add' || item === undefined) {
            const added = { expiresAt, heapIndex: -1 };
            heap.add(added);
            items.push(added);
          } else if (kind === 'set') {
            heap.set(item, expiresAt);
          } else {
            heap.remove(item);
            items.splice(index, 1);
          }
          expect(heap.size).to.equal(items.length);
          const earliest = Math.min(...items.map((one) => one.expiresAt));
          if (items.length > 0) expect(heap.earliest()?.expiresAt).to.equal(earliest);
        }
        const drained: number[] = [];
        for (let item = heap.earliest(); item !== undefined; item = heap.earliest()) {
          drained.push(item.expiresAt);
          heap.remove(item);
        }
        expect(drained).to.deep.equal(items.map((one) => one.expiresAt).sort((a, b) => a - b));
      }),
    );
  });
});

describe('tokens', () => {
  it('have secrets that are random and of one length', () => {
    const secrets = new Set(Array.from({ length: 1_000 }, newSecret));
    expect(secrets.size).to.equal(1_000);
    for (const secret of secrets) expect(secret).to.match(/^[A-Za-z0-9_-]{32}$/);
  });

  it('name their user and their room', () => {
    const secret = newSecret();
    const own = { userId: 'u-7', secret };
    expect(parseToken(tokenOf('u-7', secret))).to.deep.equal({ ...own, room: '' });
    expect(parseToken(tokenOf('u-7', secret, 'gala'))).to.deep.equal({ ...own, room: 'gala' });
    for (const text of [
      ...['', '.', secret, `.${secret}`, `u-7.${secret}x`, `u-7 ${secret}`],
      ...[`u-7.${secret}.`, `u-7.${secret}.gala.`, `u-7.${secret}.a.b`, `u-7..${secret}`],
    ]) {
      expect(parseToken(text), text).to.equal(undefined);
    }
  });

  it('have the same secret only when it is equal', () => {
    const secret = newSecret();
    expect(sameSecret(secret, secret)).to.equal(true);
    for (const other of [newSecret(), '', secret.slice(1), `${secret}x`, 'é'.repeat(16)]) {
      expect(sameSecret(secret, other)).to.equal(false);
    }
  });
});
