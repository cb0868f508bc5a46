import { AssertionError } from 'node:assert';
import { expect } from 'chai';
import { Mode, type ModeName } from '../../src/projections/engine/mode.ts';

const ways = {
  following: (mode: Mode) => mode,
  leading: (mode: Mode) => enter(mode, 'lead'),
  building: (mode: Mode) => enter(mode, 'build'),
  stopped: (mode: Mode) => enter(mode, 'stop'),
};

function enter(mode: Mode, by: 'lead' | 'follow' | 'build' | 'stop'): Mode {
  mode[by]();
  return mode;
}

/** Where each method leads from each mode; undefined: that is no transition. */
const table: Readonly<Record<ModeName, Readonly<Record<string, ModeName | undefined>>>> = {
  following: { lead: 'leading', build: 'building', stop: 'stopped', follow: undefined },
  leading: { follow: 'following', stop: 'stopped', lead: undefined, build: undefined },
  building: { follow: 'following', stop: 'stopped', lead: undefined, build: undefined },
  stopped: { lead: undefined, follow: undefined, build: undefined, stop: undefined },
};

describe('the mode of an engine', () => {
  it('begins by following', () => {
    expect(new Mode().now).to.equal('following');
  });

  for (const [from, transitions] of Object.entries(table)) {
    it(`goes from ${from} where it may, and asserts that it goes nowhere else`, () => {
      for (const [by, to] of Object.entries(transitions)) {
        const mode = ways[from as ModeName](new Mode());
        expect(mode.now).to.equal(from);
        const go = () => enter(mode, by as 'lead');
        if (to === undefined) expect(go, by).to.throw(AssertionError, `is ${from}`);
        else expect(go().now, by).to.equal(to);
        expect([mode.isFollowing, mode.isLeading, mode.isStopped]).to.deep.equal(
          ['following', 'leading', 'stopped'].map((one) => one === mode.now),
        );
      }
    });
  }
});
