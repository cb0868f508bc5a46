import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { eachLimited } from '../../src/support/concurrency.ts';

describe('work on many items, a few at once', () => {
  it('never has more under way than the limit, and has as many', async () => {
    let underWay = 0;
    let most = 0;
    await eachLimited(Array.from({ length: 20 }), 4, async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await sleep(1);
      underWay -= 1;
    });
    expect(most).to.equal(4);
  });

  it('returns the results in the items’ order, whichever ends first', async () => {
    const found = await eachLimited([9, 1, 5, 0], 4, async (ms) => {
      await sleep(ms);
      return ms * 2;
    });
    expect(found).to.deep.equal([18, 2, 10, 0]);
  });

  it('takes items from an iterator one by one', async () => {
    const items = new Set(['a', 'b', 'c']).values();
    expect(await eachLimited(items, 2, async (item) => item)).to.deep.equal(['a', 'b', 'c']);
    expect(await eachLimited([], 2, async (item) => item)).to.deep.equal([]);
  });

  it('throws the first error after the others have ended', async () => {
    const ended: number[] = [];
    const failed = await eachLimited([1, 2, 3, 4, 5], 2, async (item) => {
      if (item === 1) throw new Error('one');
      await sleep(1);
      ended.push(item);
    }).catch((error: Error) => error.message);
    expect([failed, ended]).to.deep.equal(['one', [2, 3, 4, 5]]);
  });
});
