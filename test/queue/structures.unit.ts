import { expect } from 'chai';
import fc from 'fast-check';
import { type LineNode, RankedLine } from '../../src/queue/ranked-line.ts';
import { newToken, sameToken, tokenDigest, tokenLength } from '../../src/queue/token.ts';
import { type Expiring, ExpiryHeap } from '../../src/shared-state/expiry-heap.ts';

class Person implements LineNode<Person> {
  left: Person | undefined;
  right: Person | undefined;
  parent: Person | undefined;
  size = 0;
  priority = 0;
}

describe('RankedLine', () => {
  it('agrees with an array', () => {
    const steps = fc.array(fc.oneof(fc.constant('join' as const), fc.nat(200)), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (history) => {
        const line = new RankedLine<Person>();
        const array: Person[] = [];
        for (const step of history) {
          if (step === 'join') {
            const person = new Person();
            line.append(person);
            array.push(person);
          } else if (array.length > 0) {
            const [left] = array.splice(step % array.length, 1) as [Person];
            line.remove(left);
          }
          expect(line.size).to.equal(array.length);
          expect(line.first()).to.equal(array[0]);
          for (const [index, person] of array.entries()) {
            if (line.ahead(person) !== index) expect.fail(`rank of ${index}`);
          }
        }
      }),
    );
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
  it('are random and of one length', () => {
    const tokens = new Set(Array.from({ length: 1_000 }, newToken));
    expect(tokens.size).to.equal(1_000);
    for (const token of tokens) expect(token).to.match(/^[A-Za-z0-9_-]{32}$/);
    expect(newToken()).to.have.lengthOf(tokenLength);
  });

  it('have a digest of 43 characters, as poll.lua expects', () => {
    expect(tokenDigest(newToken())).to.have.lengthOf(43);
    expect(tokenDigest('a')).not.to.equal(tokenDigest('b'));
  });

  it('are the same only when equal', () => {
    const token = newToken();
    expect(sameToken(token, token)).to.equal(true);
    for (const other of [newToken(), '', token.slice(1), `${token}x`, 'é'.repeat(16)]) {
      expect(sameToken(token, other)).to.equal(false);
    }
  });
});
