import { expect } from 'chai';
import { lagBetween, readLag } from '../../load/live-lag.ts';
import { serveAdmin } from '../metrics/support/admin.ts';

describe('the live lag of a load run', () => {
  it('is that of the events between two looks at /metrics', async () => {
    const { metrics, url, stop } = await serveAdmin();
    const tookMs = (ms: number, count: number) => {
      for (let n = 0; n < count; n += 1) metrics.counters.shown(ms / 1_000);
    };
    tookMs(5_000, 1_000);
    const before = await readLag(url);
    tookMs(9, 98);
    tookMs(45, 1);
    tookMs(400, 1);
    const after = await readLag(url);
    await stop();
    if (before === undefined || after === undefined) throw new Error('not told');
    expect(lagBetween(before, after)).to.deep.equal({ events: 100, p50: 10, p99: 50, max: 500 });
    expect(await readLag(url)).to.equal(undefined);
  });
});
