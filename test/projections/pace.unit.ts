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

  it('rests no longer than until it can know whether the live tables change', async () => {
    const limits = { ...paceDefaults, busyEventsPerSecond: 10 };
    let last = 1n;
    const since = () => ({ event: 1n, atMs: performance.now() - 60 });
    const idle = new Pace(limits, async () => last, since());
    const first = await idle.restMs(100, 0);
    expect(first, 'the look before is 60 ms old').to.be.within(1, 40);
    await delay(first + 5);
    expect(await idle.restMs(100, 0)).to.equal(0);
    expect(idle.batchEventsMax(10_000)).to.equal(10_000);

    const busy = new Pace(limits, async () => last, since());
    last = 2n;
    await delay((await busy.restMs(100, 0)) + 5);
    expect(await busy.restMs(100, 0), 'now it is known').to.equal(10_000);
  });
});
