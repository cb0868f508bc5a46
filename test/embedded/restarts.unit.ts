import { expect } from 'chai';
import { Restarts } from '../../embedded/restarts.ts';

describe('the restarts of a server', () => {
  it('are five in ten minutes, and five more when those are long ago', () => {
    let nowMs = 0;
    const restarts = new Restarts(() => nowMs);
    const made = () => Array.from({ length: 7 }, () => restarts.another());
    const five = [true, true, true, true, true, false, false];
    expect(made()).to.deep.equal(five);
    nowMs = 599_999;
    expect(restarts.another()).to.equal(false);
    nowMs = 600_000;
    expect(made()).to.deep.equal(five);
  });
});
