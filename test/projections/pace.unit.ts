import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { Pace, paceDefaults } from '../../src/projections/rebuild/filling-pace.ts';

describe('the pace of a rebuild', () => {
  it('is full while the live tables stay as they are, and so many events a second while they change', async () => {
    let last: bigint | null = null;
    let looks = 0;
    const limits = { ...paceDefaults, busyEventsPerSecond: 1_000 };
    const pace = new Pace(limits, async () => {
      looks += 1;
      return last;
    });
    const isFull = () => {
      expect(pace.batchEventsMax(10_000)).to.equal(10_000);
      expect(pace.readAheadMax(20_000)).to.equal(20_000);
    };
    const isSlow = () => {
      expect(pace.batchEventsMax(10_000)).to.equal(250);
      expect(pace.batchEventsMax(200)).to.equal(200);
      expect(pace.readAheadMax(20_000)).to.equal(1_000);
    };
    isSlow();
    expect(await pace.restMs(100, 40), 'it has looked once').to.equal(60);
    isSlow();
    await delay(110);
    expect(await pace.restMs(100, 40)).to.equal(0);
    isFull();
    last = 7n;
    expect(await pace.restMs(100, 40), 'it has just looked').to.equal(0);
    await delay(110);
    expect(await pace.restMs(100, 40)).to.equal(60);
    isSlow();
    expect(await pace.restMs(100, 5_000), 'a busy machine needs no rest besides').to.equal(0);
    await delay(110);
    expect(await pace.restMs(100, 40)).to.equal(0);
    isFull();
    expect(looks).to.equal(4);
  });
});
