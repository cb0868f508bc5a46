import { expect } from 'chai';
import { lagBetween, readLag } from '../../load/live-lag.ts';
import { eventAt } from '../../src/events/log-position.ts';
import { serveApi } from '../http/support/api.ts';

describe('the live lag of a load run', () => {
  it('is that of the events between two looks at /metrics', async () => {
    const api = await serveApi();
    const tookMs = (ms: number, count: number) =>
      api.fake.lag.committed(
        Array.from({ length: count }, () => ({
          position: eventAt(1n),
          createdMs: 10_000 - ms,
          changes: [],
          isEvent: true,
        })),
      );
    const url = `http://127.0.0.1:${api.port}`;
    tookMs(5_000, 1_000);
    const before = await readLag(url);
    tookMs(9, 98);
    tookMs(45, 1);
    tookMs(400, 1);
    const after = await readLag(url);
    await api.stop();
    if (before === undefined || after === undefined) throw new Error('not told');
    expect(lagBetween(before, after)).to.deep.equal({ events: 100, p50: 10, p99: 50, max: 500 });
    expect(await readLag(url)).to.equal(undefined);
  });
});
