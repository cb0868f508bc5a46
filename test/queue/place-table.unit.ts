import { expect } from 'chai';
import fc from 'fast-check';
import type { Place } from '../../src/queue/place.ts';
import { PlaceTable } from '../../src/queue/place-table.ts';
import { UserHash } from '../../src/queue/user-hash.ts';

describe('UserHash', () => {
  /** The bytes 0, 1, 2 and so on, two in each code unit. */
  const bytes = (count: number): string =>
    String.fromCharCode(
      ...Array.from({ length: count / 2 }, (_, n) => (2 * n) | ((2 * n + 1) << 8)),
    );

  it('agrees with the published values of HalfSipHash-2-4, in both halves', () => {
    const key = [0x03020100, 0x07060504];
    const hash = new UserHash(Int32Array.of(...key, ...key));
    const expected = {
      0: '218d1f59b9b83cc8',
      2: '064f39ef7c50eb57',
      4: 'd5e78a175be52ea1',
      22: 'e20103fa1ba776ef',
      62: 'f90b3ab572d46693',
    };
    for (const [count, half] of Object.entries(expected)) {
      hash.of(bytes(Number(count)));
      expect(Buffer.from(hash.words.buffer).toString('hex'), count).to.equal(half + half);
    }
  });

  it('differs with the key, and with each character', () => {
    const of = (hash: UserHash, text: string) => {
      hash.of(text);
      return hash.words.join();
    };
    const [one, other] = [new UserHash(), new UserHash()];
    const texts = ['', 'a', 'b', 'aa', 'ab', 'a\0', '\0a', 'ā', 'aaa', 'aab'];
    const hashes = texts.flatMap((text) => [of(one, text), of(other, text)]);
    expect(new Set(hashes).size).to.equal(2 * texts.length);
    expect(of(one, 'aab')).to.equal(hashes.at(-2));
  });
});

describe('PlaceTable', () => {
  /** A hash with few different values: places are near to each other, and move often. */
  class NearHash extends UserHash {
    override of(userId: string): void {
      super.of(userId);
      this.words[0] = (this.words[0] as number) & 3;
      this.words[1] = ((this.words[1] as number) & 7) - 4;
    }
  }

  interface Known {
    number: number;
    rank: number;
    rankedFor: number;
    secret: string;
    expiresAt: number;
    admittedAt: number;
    listedAt: number;
    lineIndex: number;
    state: string;
  }

  const knownOf = (place: Place): Known => {
    const { number, rank, rankedFor, secret, expiresAt, admittedAt, listedAt } = place;
    const { lineIndex, state } = place;
    return {
      ...{ number, rank, rankedFor, secret, expiresAt, admittedAt, listedAt },
      ...{ lineIndex, state },
    };
  };

  /** Compares all users with what is known of them. */
  const compare = (table: PlaceTable, known: ReadonlyMap<string, Known>, users: number): void => {
    for (let n = 0; n < users; n += 1) {
      const place = table.find(`u${n}`);
      expect(place && knownOf(place), `u${n}`).to.deep.equal(known.get(`u${n}`));
    }
  };

  const add = (table: PlaceTable, known: Map<string, Known>, n: number): void => {
    const place = table.add(`u${n}`, n, n + 0.5);
    expect(place).to.include({ number: n, rank: n, rankedFor: 0, expiresAt: n + 0.5 });
    expect(place).to.include({ admittedAt: 0, listedAt: -1, lineIndex: 0, state: 'away' });
    known.set(`u${n}`, knownOf(place));
  };

  const step = fc.record({
    kind: fc.constantFrom('add', 'add', 'remove', 'change', 'keep'),
    which: fc.nat(99),
  });

  it('agrees with a Map, when users have the same record and nearly the same hash', () => {
    const check = (history: readonly { kind: string; which: number }[]) => {
      const table = new PlaceTable(new NearHash());
      const known = new Map<string, Known>();
      for (const { kind, which } of history) {
        const place = table.find(`u${which}`);
        const mine = known.get(`u${which}`);
        if (kind === 'keep') {
          if (which > 9) continue;
          table.keepOnly(({ number }) => number % 3 !== 0);
          for (const [user, { number }] of known) if (number % 3 === 0) known.delete(user);
        } else if (place === undefined || mine === undefined) {
          if (kind === 'add') add(table, known, which);
        } else if (kind === 'remove') {
          table.remove(`u${which}`);
          known.delete(`u${which}`);
        } else {
          place.expiresAt = mine.expiresAt += 7;
          place.rank = mine.rank += 0.25;
          place.rankedFor = mine.rankedFor += 1;
          place.admittedAt = mine.admittedAt = which / 8;
          place.listedAt = mine.listedAt = which === 0 ? Infinity : 3;
          place.lineIndex = mine.lineIndex = (which * 5) % 512;
          place.state = 'there';
          mine.state = 'there';
        }
      }
      compare(table, known, 100);
    };
    fc.assert(fc.property(fc.array(step, { maxLength: 300 }), check), { numRuns: 300 });
  });

  it('keeps 20,000 places while it grows, and when most of them are removed', () => {
    const table = new PlaceTable();
    const known = new Map<string, Known>();
    for (let n = 0; n < 20_000; n += 1) add(table, known, n);
    compare(table, known, 20_100);
    for (let n = 0; n < 20_000; n += 1) {
      if (n % 7 === 0) continue;
      table.remove(`u${n}`);
      known.delete(`u${n}`);
    }
    compare(table, known, 20_100);
    table.keepOnly(({ number }) => number % 14 === 0);
    for (const [user, { number }] of known) if (number % 14 !== 0) known.delete(user);
    for (let n = 19_000; n < 20_000; n += 1) if (!known.has(`u${n}`)) add(table, known, n);
    compare(table, known, 20_100);
  });

  it('keeps 2,000 places with nearly the same hash, when segments are cut and emptied', () => {
    const table = new PlaceTable(new NearHash());
    const known = new Map<string, Known>();
    for (let n = 0; n < 2_500; n += 1) {
      add(table, known, n);
      if (n % 5 !== 0) continue;
      table.remove(`u${n}`);
      known.delete(`u${n}`);
    }
    compare(table, known, 2_600);
    table.keepOnly(({ number }) => number > 1_000);
    for (const [user, { number }] of known) if (number <= 1_000) known.delete(user);
    compare(table, known, 2_600);
  });

  it('does not let a place be used after another place was removed or added', () => {
    const table = new PlaceTable();
    const [own, other] = [table.add('a', 1, 2), 'b'];
    expect(own.number).to.equal(1);
    table.add(other, 3, 4);
    expect(() => own.number).to.throw('a place was used after another change');
    const again = table.find('a') as Place;
    table.remove(other);
    expect(() => again.secret).to.throw('a place was used after another change');
    expect(() => {
      again.expiresAt = 5;
    }).to.throw('a place was used after another change');
    expect(table.find('a')).to.include({ number: 1, expiresAt: 2 });
  });

  it('gives a new secret to a user who comes again', () => {
    const table = new PlaceTable();
    const { secret } = table.add('a', 1, 2);
    table.remove('a');
    expect(table.find('a')).to.equal(undefined);
    expect(table.add('a', 1, 2).secret).to.not.equal(secret);
  });
});
