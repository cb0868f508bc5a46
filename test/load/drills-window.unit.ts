import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { Window } from '../../load/drills/window.ts';

const seen = { at: 0, isWrite: true, kind: undefined, tookMs: 10, late: false };

describe('what the buyers of a drill saw', () => {
  it('the longest time without a good answer is of each service for itself', async () => {
    const window = new Window(2);
    for (let i = 0; i < 5; i++) {
      await delay(20);
      window.saw(seen);
      if (i === 0) window.saw({ ...seen, at: 1 });
    }
    window.close();
    // The second service was silent for the last 80 ms, whatever the first one did.
    expect(window.longestSeconds).to.be.within(0.075, 5);
  });

  it('a service that never answers is silent from the beginning', async () => {
    const window = new Window(1);
    await delay(50);
    window.saw({ ...seen, kind: '503 event-store-unavailable' });
    window.saw({ ...seen, isWrite: false });
    window.close();
    expect(window.longestSeconds).to.be.at.least(0.045);
    expect(window.writes).to.equal(0);
  });

  it('a 503 and no answer are failed requests, anything else is a wrong answer', () => {
    const window = new Window(1);
    for (const kind of ['503 event-store-unavailable', 'no answer', '500 internal-error']) {
      window.saw({ ...seen, kind });
    }
    window.saw({ ...seen, kind: '500 internal-error', late: true, tookMs: 6_000 });
    expect([window.failedTotal, window.wrong, window.late]).to.deep.equal([4, 2, 1]);
    expect(window.slowestMs).to.equal(6_000);
    expect(window.failed.get('500 internal-error')).to.equal(2);
  });
});
