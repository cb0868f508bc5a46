import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { Pace, paceDefaults } from '../../src/projections/rebuild/pace.ts';

describe('the pace of a rebuild', () => {
  it('is full while the live tables stay as they are, and a quarter in short steps while they change', async () => {
    let last: bigint | null = null;
    let looks = 0;
    const pace = new Pace(paceDefaults, async () => {
      looks += 1;
      return last;
    });
    expect(pace.batchEventsMax(10_000)).to.equal(10_000);
    expect(await pace.restMs(100)).to.equal(0);
    last = 7n;
    expect(await pace.restMs(100), 'it has just looked').to.equal(0);
    await delay(210);
    expect(await pace.restMs(100)).to.equal(300);
    expect(pace.batchEventsMax(10_000)).to.equal(500);
    expect(pace.batchEventsMax(200)).to.equal(200);
    expect(await pace.restMs(100_000)).to.equal(1_000);
    await delay(210);
    expect(await pace.restMs(100)).to.equal(0);
    expect(pace.batchEventsMax(10_000)).to.equal(10_000);
    expect(looks).to.equal(3);
  });
});
