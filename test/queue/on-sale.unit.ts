import { expect } from 'chai';
import { InProcessQueue } from '../../src/queue/in-process-queue.ts';
import { notSteered } from '../../src/queue/queue-control.ts';
import { freedPlaces } from './support/freed-places.ts';
import { lotOf } from './support/lot-contract.ts';
import { type Crowd, mulberry32, runSale, type Sale, saleSettings } from './support/simulation.ts';
import type { OpenQueue } from './support/times.ts';

/** 30 places, and the settings' defaults, by a clock of the test's own. */
const everybody: Crowd = {
  users: 1_000,
  arriveWithinMs: 10_000,
  journeyMs: 45_000,
  vanishAdmitted: 0,
  leaveWaiting: 0,
  leaveWithinMs: 600_000,
};

const rate = ({ paidAt }: Sale, fromMs: number, untilMs: number): number =>
  (paidAt.filter((at) => at >= fromMs && at < untilMs).length * 1_000) / (untilMs - fromMs);

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

freedPlaces('in this process');

describe('the waiting queue on a night of sale', function () {
  this.timeout(60_000);

  it('sells nearly as fast when one in twenty vanishes admitted and one in three waiting', async () => {
    const untilMs = 600_000;
    const all = await runSale(everybody, untilMs);
    const some = await runSale({ ...everybody, vanishAdmitted: 0.05, leaveWaiting: 0.3 }, untilMs);
    const [most, least] = [rate(all, 60_000, untilMs), rate(some, 60_000, untilMs)];
    console.log(`      45 s a journey: ${most.toFixed(2)}/s, ${least.toFixed(2)}/s`);
    expect(least / most).to.be.at.least(0.85);
    for (const sale of [all, some]) expect(sale.insideMax).to.be.at.most(30);
  });

  it('does so when a journey takes 5 s, too: who never comes costs a place little', async () => {
    const untilMs = 180_000;
    const quick = { ...everybody, journeyMs: 5_000, leaveWithinMs: untilMs };
    const all = await runSale(quick, untilMs);
    const crowd = { ...quick, vanishAdmitted: 0.05, leaveWaiting: 0.3 };
    const some = await runSale(crowd, untilMs);
    const [most, least] = [rate(all, 0, untilMs), rate(some, 0, untilMs)];
    console.log(`      5 s a journey: ${most.toFixed(2)}/s, ${least.toFixed(2)}/s`);
    // 0.88 when every admission may be claimed for 30 s.
    expect(least / most).to.be.at.least(0.92);
    for (const sale of [all, some]) expect(sale.insideMax).to.be.at.most(30);
  });

  it('estimates the wait with a median error of 30 % at most', async () => {
    for (const crowd of [everybody, { ...everybody, vanishAdmitted: 0.05, leaveWaiting: 0.3 }]) {
      const { estimates, unsaid } = await runSale(crowd, 1_500_000);
      const errors = estimates.map(({ saidMs, trueMs }) => Math.abs(saidMs - trueMs) / trueMs);
      const within2 = estimates.filter(
        ({ saidMs, trueMs }) => saidMs < 2 * trueMs && trueMs < 2 * saidMs,
      );
      console.log(
        `      leaving ${crowd.leaveWaiting}: median error ${(median(errors) * 100).toFixed(0)} %, ` +
          `within a factor of two ${((within2.length / estimates.length) * 100).toFixed(0)} %, ` +
          `of ${estimates.length} estimates; ${unsaid} polls were told none`,
      );
      expect(median(errors)).to.be.at.most(0.3);
    }
  });

  it('costs 600 polls a second at most while 10,000 wait, also when a poll takes no time', async () => {
    for (const [places, networkMs] of [
      [30, [20, 200]],
      [30, [0, 0]],
      [1_000, [0, 0]],
    ] as const) {
      const settings = { ...saleSettings, admittedMax: places };
      const crowd = { ...everybody, users: 10_000 + places };
      const { polledAt } = await runSale(crowd, 120_000, { settings, networkMs });
      const perSecond = polledAt.filter((at) => at >= 60_000).length / 60;
      console.log(`      ${places} places: ${perSecond.toFixed(0)} polls a second`);
      expect(perSecond).to.be.at.most(600);
    }
  });

  it('costs 600 polls a second at most while 10,000 wait for a sale with a lot to open, and when it opens', async () => {
    const [drawMs, opensMs] = [62_000, 120_000];
    const open: OpenQueue = async (settings, now) => {
      const queue = new InProcessQueue(settings, { now, chance: mulberry32(3) });
      const startMs = now();
      const steer = (revision: number, drawn: string) => {
        const lot = lotOf(startMs, drawMs - 2_000, drawn);
        const moments = { toldAtMs: startMs + drawMs + 27_000, opensAtMs: startMs + opensMs };
        queue.steer({ ...notSteered, revision, lot: { ...lot, ...moments } });
      };
      steer(0, '');
      const poll = queue.poll.bind(queue);
      queue.poll = (user) => {
        if (now() >= startMs + drawMs) steer(1, '5eed'.repeat(16));
        return poll(user);
      };
      return { queue, close: () => queue.close() };
    };
    const crowd = { ...everybody, users: 10_000, arriveWithinMs: 55_000 };
    const { polledAt, admittedAt } = await runSale(crowd, 180_000, { open, networkMs: [0, 0] });
    const perSecond = (fromMs: number, untilMs: number) =>
      (polledAt.filter((at) => at >= fromMs && at < untilMs).length * 1_000) / (untilMs - fromMs);
    const most = Math.max(
      ...Array.from({ length: 60 }, (_, second) =>
        perSecond(opensMs + (second - 5) * 1_000, opensMs + (second - 4) * 1_000),
      ),
    );
    const inside = [...admittedAt.values()].filter((at) => at <= opensMs + 1_000);
    console.log(
      `      ${perSecond(75_000, opensMs).toFixed(0)} polls a second before, ` +
        `${perSecond(opensMs, 180_000).toFixed(0)} after, ${most} in the busiest second; ` +
        `the last place was taken after ${Math.max(...inside) - opensMs} ms`,
    );
    expect(Math.min(...inside)).to.be.at.least(opensMs);
    expect(inside, 'within a second').to.have.lengthOf(30);
    expect(perSecond(75_000, opensMs)).to.be.at.most(600);
    expect(perSecond(opensMs, 180_000)).to.be.at.most(600);
  });

  it('lets the next in within 35 s when all who were admitted vanish', async () => {
    const crowd = { ...everybody, users: 60, arriveWithinMs: 1_000, vanishAdmitted: 1 };
    const { admittedAt } = await runSale(crowd, 40_000);
    const second = [...admittedAt.values()].slice(30, 60);
    expect(second).to.have.lengthOf(30);
    expect(Math.max(...second)).to.be.at.most(35_000);
  });

  it('lets those who are there in as if those in front who left were not there', async () => {
    const crowd = { ...everybody, users: 200, arriveWithinMs: 2_000, ghosts: 100 };
    const { admittedAt } = await runSale(crowd, 40_000);
    const [firstUser] = [...admittedAt.keys()].filter((user) => user >= 100);
    const places = [...admittedAt.values()].slice(0, 30);
    const freeAt = (places[0] as number) + saleSettings.claimMs;
    expect([...admittedAt.keys()].slice(0, 30), 'they had every place').to.deep.equal([
      ...Array(30).keys(),
    ]);
    expect((admittedAt.get(firstUser as number) as number) - freeAt).to.be.within(0, 2_000);
  });
});
