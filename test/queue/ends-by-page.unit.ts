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
  const placeUntil = (expiresAt: number): Dated => ({ expiresAt, heapIndex: -1, page: -1 });

  /** Ends all that are over, as the queue does. @returns their ends, in order */
  const endThoseOver = (ends: EndsByPage<Dated>, now: number, turnMax: number): number[] => {
    const ended: number[] = [];
    ends.turnTo(now, turnMax);
    // There are never more. With a fault, the loop would not end.
    while (ended.length <= 200) {
      const one = ends.earliest();
      if (one === undefined || one.expiresAt > now) break;
      ends.remove(one);
      ended.push(one.expiresAt);
    }
    return ended;
  };

  /** Plays a history beside a list that is searched. @returns whether both ended the same ones */
  const agrees = (
    history: readonly Step[],
    set: (ends: EndsByPage<Dated>, item: Dated, expiresAt: number) => void,
  ): boolean => {
    const ends = new EndsByPage<Dated>();
    const there = new Set<Dated>();
    const gone: Dated[] = [];
    let now = 1_000_000;
    const enter = (item: Dated): void => {
      ends.add(item);
      there.add(item);
    };
    for (const { kind, which, ms } of history) {
      const item = [...there][which % Math.max(1, there.size)];
      const back = gone.at(-1);
      if (kind === 'add') {
        enter(placeUntil(now + ms));
      } else if (kind === 'again' && back !== undefined) {
        gone.pop();
        back.expiresAt = now + ms;
        enter(back);
      } else if (kind === 'set' && item !== undefined) {
        set(ends, item, now + ms);
      } else if (kind === 'remove' && item !== undefined) {
        ends.remove(item);
        there.delete(item);
        gone.push(item);
      } else if (kind === 'pass') {
        now += ms >> 1;
        const over = [...there].filter(({ expiresAt }) => expiresAt <= now);
        const expected = over.map(({ expiresAt }) => expiresAt).sort((a, b) => a - b);
        const found = endThoseOver(ends, now, Infinity);
        if (found.join() !== expected.join()) return false;
        for (const one of over) there.delete(one);
        gone.push(...over);
      }
      if (ends.size !== there.size) return false;
    }
    return true;
  };

  it('agrees with a search of a list: ends that move back and forth, leaving and coming again', () => {
    fc.assert(
      fc.property(steps, (history) => agrees(history, (ends, item, at) => ends.set(item, at))),
    );
  });

  it('would be found with ends that move forth unnoticed (negative control)', () => {
    const unnoticed = (_: EndsByPage<Dated>, item: Dated, at: number): void => {
      item.expiresAt = at;
    };
    const history: readonly Step[] = [
      { kind: 'add', which: 0, ms: 5_000 },
      { kind: 'set', which: 0, ms: 100 },
      { kind: 'pass', which: 0, ms: 1_000 },
    ];
    expect(agrees(history, (ends, item, at) => ends.set(item, at))).to.equal(true);
    expect(agrees(history, unnoticed)).to.equal(false);
  });

  it('does at most the given steps in a call, and each poll causes less than one of them', () => {
    const ends = new EndsByPage<Dated>();
    const items = Array.from({ length: 1_000 }, () => placeUntil(20_000));
    for (const item of items) ends.add(item);
    // Every one polls in time, many times, so that nobody is over and all are on an old page.
    for (let now = 1_000; now < 20_000; now += 1_000) {
      for (const item of items) ends.set(item, now + 20_000);
    }
    for (const late of items.slice(0, 10)) ends.set(late, 20_000);
    const endedIn: number[] = [];
    for (let calls = 1; calls <= 16; calls += 1) {
      for (const _ of endThoseOver(ends, 20_000, 64)) endedIn.push(calls);
    }
    expect(endedIn, 'in the last call').to.deep.equal(Array(10).fill(16));
    expect(ends.size).to.equal(990);
    ends.turnTo(20_000, 64);
    expect(ends.earliest(), 'all others are on later pages').to.equal(undefined);
  });
});
