import { expect } from 'chai';
import fc from 'fast-check';
import { type Dated, EndsByPage } from '../../src/queue/ends-by-page.ts';

describe('EndsByPage', () => {
  interface Step {
    readonly kind: 'add' | 'set' | 'remove' | 'again' | 'pass';
    readonly which: number;
    readonly ms: number;
  }
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom('add', 'set', 'set', 'remove', 'again', 'pass'),
    which: fc.nat(100),
    ms: fc.nat(5_000),
  });
  const steps = fc.array(step, { maxLength: 200 });

  /** The places by user, and their ends. */
  class Places {
    readonly byUser = new Map<string, Dated>();
    /** The number of entries that were looked at. */
    looks = 0;
    readonly ends = new EndsByPage<Dated>((userId) => {
      this.looks += 1;
      return this.byUser.get(userId);
    });
    #last = 0;

    add(expiresAt: number): Dated {
      this.#last += 1;
      return this.addAgain({ userId: `u${this.#last}`, expiresAt, listedAt: -1 });
    }

    addAgain(place: Dated): Dated {
      this.byUser.set(place.userId, place);
      this.ends.add(place);
      return place;
    }

    remove(place: Dated): void {
      this.ends.remove(place);
      this.byUser.delete(place.userId);
    }

    /** Ends those that are over, as the queue does. @returns their ends, in order */
    endThoseOver(now: number, endsMax = 2_000): number[] {
      const ended: number[] = [];
      this.ends.endThoseOver(now, endsMax, (place) => {
        this.remove(place);
        ended.push(place.expiresAt);
      });
      return ended;
    }
  }

  /** Plays a history beside a list that is searched. @returns whether both ended the same ones */
  const agrees = (
    history: readonly Step[],
    set: (places: Places, place: Dated, expiresAt: number) => void,
  ): boolean => {
    const places = new Places();
    const gone: Dated[] = [];
    let now = 1_000_000;
    for (const { kind, which, ms } of history) {
      const there = [...places.byUser.values()];
      const place = there[which % Math.max(1, there.length)];
      const back = gone.at(-1);
      if (kind === 'add') {
        places.add(now + ms);
      } else if (kind === 'again' && back !== undefined) {
        gone.pop();
        places.addAgain({ ...back, expiresAt: now + ms });
      } else if (kind === 'set' && place !== undefined) {
        set(places, place, now + ms);
      } else if (kind === 'remove' && place !== undefined) {
        places.remove(place);
        gone.push(place);
      } else if (kind === 'pass') {
        now += ms >> 1;
        const over = there.filter(({ expiresAt }) => expiresAt <= now);
        const expected = over.map(({ expiresAt }) => expiresAt).sort((a, b) => a - b);
        const found = places.endThoseOver(now);
        if (found.join() !== expected.join()) return false;
        gone.push(...over);
      }
      if (places.ends.size !== places.byUser.size) return false;
    }
    return true;
  };

  it('agrees with a search of a list: ends that move back and forth, leaving and coming again', () => {
    fc.assert(
      fc.property(steps, (history) =>
        agrees(history, ({ ends }, place, expiresAt) => ends.set(place, expiresAt)),
      ),
      { numRuns: 1_000 },
    );
  });

  it('would be found with ends that move forth unnoticed (negative control)', () => {
    const unnoticed = (_: Places, place: Dated, expiresAt: number): void => {
      place.expiresAt = expiresAt;
    };
    const history: readonly Step[] = [
      { kind: 'add', which: 0, ms: 5_000 },
      { kind: 'set', which: 0, ms: 100 },
      { kind: 'pass', which: 0, ms: 1_000 },
    ];
    expect(agrees(history, ({ ends }, place, at) => ends.set(place, at))).to.equal(true);
    expect(agrees(history, unnoticed)).to.equal(false);
  });

  it('ends places in each call with 64 moves and 64 steps, also while a long page begins', () => {
    const places = new Places();
    const users = Array.from({ length: 1_000 }, (_, n) => places.add(20_000 + n));
    const endedIn: number[] = [];
    for (let calls = 1; endedIn.length < users.length && calls < 100; calls += 1) {
      for (const _ of places.endThoseOver(21_000, 64)) endedIn.push(calls);
    }
    expect(endedIn.filter((call) => call === 1).length, 'in the first call').to.equal(64);
    expect(endedIn.at(-1), 'the last call').to.equal(16);
  });

  it('does at most the given moves in a call, and each poll causes less than one of them', () => {
    const places = new Places();
    const users = Array.from({ length: 1_000 }, () => places.add(20_000));
    // Every one polls in time, many times, so that nobody is over and all are on an old page.
    for (let now = 1_000; now < 20_000; now += 1_000) {
      for (const user of users) places.ends.set(user, now + 20_000);
    }
    for (const late of users.slice(0, 10)) places.ends.set(late, 20_000);
    const endedIn: number[] = [];
    for (let calls = 1; calls <= 20; calls += 1) {
      for (const _ of places.endThoseOver(20_000, 64)) endedIn.push(calls);
    }
    // The page has 1,000 entries. Those of the late ones were added first, so they are moved last.
    expect(endedIn).to.deep.equal(Array(10).fill(16));
    expect(places.ends.size).to.equal(990);
  });

  it('keeps one entry of a place, however often its end moves back and forth', () => {
    const places = new Places();
    const place = places.add(200_000);
    for (let end = 190_000; end > 90_000; end -= 1_000) places.ends.set(place, end);
    /** Ends nothing. @returns the number of entries that it looked at */
    const looksAt = (now: number): number => {
      const before = places.looks;
      expect(places.endThoseOver(now)).to.deep.equal([]);
      return places.looks - before;
    };
    places.ends.set(place, 400_500);
    expect(looksAt(300_000), 'the earlier entries are skipped').to.be.greaterThan(90);
    places.ends.set(place, 600_500);
    expect(looksAt(500_000), 'one entry, on one page').to.be.lessThan(4);
  });

  it('does not end a place that is listed early, and ends it in time', () => {
    const places = new Places();
    const place = places.add(20_000);
    // It polls in time, so its entry is on an old page, and later in the heap.
    places.ends.set(place, 40_300);
    expect(places.endThoseOver(20_500), 'moved to a later page').to.deep.equal([]);
    places.ends.set(place, 40_900);
    expect(places.endThoseOver(40_600), 'moved in the heap').to.deep.equal([]);
    expect(places.endThoseOver(40_900)).to.deep.equal([40_900]);
    expect(places.ends.size).to.equal(0);
  });
});
