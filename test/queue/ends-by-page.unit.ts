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
    readonly ends = new EndsByPage<Dated>((userId) => this.byUser.get(userId));
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

    /** Ends all that are over, as the queue does. @returns their ends, in order */
    endThoseOver(now: number, stepsMax: number): number[] {
      const ended: number[] = [];
      for (let steps = 0; steps < stepsMax; steps += 1) {
        const one = this.ends.step(now);
        if (one === 'done') break;
        if (one === undefined) continue;
        this.remove(one);
        ended.push(one.expiresAt);
      }
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
        // There are never more steps. With a fault, the loop would not end.
        const found = places.endThoseOver(now, 2_000);
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

  it('needs at most three steps for each change of an end, so no backlog grows', () => {
    const places = new Places();
    const users = Array.from({ length: 1_000 }, (_, n) => places.add(20_000 + (n % 700)));
    let changes = users.length;
    let count = 0;
    for (let now = 1_000; now < 60_000; now += 100) {
      for (let n = 0; n < 50; n += 1) {
        const user = users[(count * 50 + n) % users.length] as Dated;
        places.ends.set(user, now + 20_000 + ((n * 7_919) % 3_000) - 1_500);
      }
      count += 1;
      changes += 50;
    }
    let steps = 0;
    while (places.ends.step(60_000) !== 'done' && steps < 1_000_000) {
      steps += 1;
    }
    expect(steps).to.be.lessThan(3 * changes);
    expect(places.ends.size).to.equal(1_000);
  });

  it('keeps one entry of a place, however often its end moves back and forth', () => {
    const places = new Places();
    const place = places.add(200_000);
    for (let end = 190_000; end > 90_000; end -= 1_000) places.ends.set(place, end);
    const stepsUntil = (now: number): number => {
      let steps = 0;
      while (places.ends.step(now) !== 'done' && steps < 10_000) steps += 1;
      return steps;
    };
    places.ends.set(place, 400_500);
    expect(stepsUntil(300_000), 'the earlier entries are skipped').to.be.greaterThan(100);
    places.ends.set(place, 600_500);
    expect(stepsUntil(500_000), 'one entry, on one page').to.be.lessThan(4);
  });

  it('does not end a place that is listed early, and ends it in time', () => {
    const places = new Places();
    const place = places.add(20_000);
    // It polls in time, so its entry is on an old page, and later in the heap.
    places.ends.set(place, 40_300);
    expect(places.endThoseOver(20_500, 10), 'moved to a later page').to.deep.equal([]);
    places.ends.set(place, 40_900);
    expect(places.endThoseOver(40_600, 10), 'moved in the heap').to.deep.equal([]);
    expect(places.endThoseOver(40_900, 10)).to.deep.equal([40_900]);
    expect(places.ends.size).to.equal(0);
  });
});
