import { expect } from 'chai';
import { kept } from '../../src/metrics/kept.ts';
import { pause } from '../../src/support/pause.ts';

describe('what is kept', () => {
  it('is asked for once by all who come within its time', async () => {
    let asked = 0;
    const ask = kept(
      async () => {
        asked += 1;
        return asked;
      },
      { keptMs: 50, waitMs: 1_000 },
    );
    expect(await Promise.all([ask(), ask(), ask()])).to.deep.equal([1, 1, 1]);
    await pause(60);
    expect(await ask()).to.equal(2);
  });

  it('is undefined when the answer fails or takes too long', async () => {
    const bounds = { keptMs: 1_000, waitMs: 20 };
    expect(await kept(() => Promise.reject(new Error('away')), bounds)()).to.equal(undefined);
    expect(await kept(() => new Promise(() => {}), bounds)()).to.equal(undefined);
  });
});
