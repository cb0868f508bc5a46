import { expect } from 'chai';
import { backoffMs, randomized } from '../../src/support/backoff.ts';

describe('a backoff', () => {
  const fixed = { firstMs: 100, maxMs: 1_000, randomShare: 0 };

  it('doubles up to its longest pause, after however many tries', () => {
    const pauses = [0, 1, 2, 3, 4, 50, 5_000].map((failed) => backoffMs(failed, fixed));
    expect(pauses).to.deep.equal([100, 200, 400, 800, 1_000, 1_000, 1_000]);
  });

  it('draws the random share of each pause', () => {
    const pauses = Array.from({ length: 500 }, () => backoffMs(2, { ...fixed, randomShare: 0.5 }));
    expect(Math.min(...pauses)).to.be.within(200, 230);
    expect(Math.max(...pauses)).to.be.within(370, 400);
    expect(randomized(100, 0)).to.equal(100);
  });
});
