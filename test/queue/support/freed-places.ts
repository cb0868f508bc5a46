import { expect } from 'chai';
import { type Crowd, mulberry32, runSale, saleSettings } from './simulation.ts';
import type { OpenQueue } from './times.ts';

/** Nobody claims; some leave while they wait, also those who are next. */
const crowd: Crowd = {
  users: 600,
  arriveWithinMs: 10_000,
  journeyMs: 45_000,
  vanishAdmitted: 1,
  leaveWaiting: 0.3,
  leaveWithinMs: 400_000,
};

/**
 * How long a free place waits, when all places come free at the same moment again and again. By a
 * clock of the test's own.
 * @param open undefined for the queue in this process
 */
export function freedPlaces(
  name: string,
  open?: (chance: () => number) => OpenQueue,
  skipped = false,
): void {
  describe(`a free place of the waiting queue, ${name}`, function () {
    this.timeout(60_000);
    for (const [places, claimMs, afterPaymentMs] of [
      [5, 5_000, 5_000],
      [30, 5_000, 5_000],
      // As where an end may be known a second before, and no earlier.
      [40, 5_000, 1_000],
      [100, 5_000, 5_000],
      [300, 30_000, 5_000],
      [700, 30_000, 5_000],
    ] as const) {
      it(`is filled within a second by somebody who is there, with ${places} at once each ${claimMs / 1_000} s, notice ${afterPaymentMs / 1_000} s`, async function () {
        if (skipped) this.skip();
        const settings = { ...saleSettings, admittedMax: places, claimMs, afterPaymentMs };
        const options = { settings, ...(open && { open: open(mulberry32(2)) }) };
        const users = 8 * places + 1_000;
        const rounds = claimMs < 10_000 ? 5 : 3;
        const { admittedAt } = await runSale({ ...crowd, users }, 130_000, options);
        const at = [...admittedAt.values()];
        expect(at.length).to.be.above(rounds * places);
        const gaps = at.slice(places).map((ms, n) => ms - (at[n] as number) - claimMs);
        const inOrder = gaps.sort((a, b) => a - b);
        const [median, most] = [inOrder[inOrder.length >> 1], inOrder.at(-1)];
        console.log(`      a free place waited ${median} ms, ${most} ms at most`);
        expect(most).to.be.at.most(1_000);
      });
    }
  });
}
