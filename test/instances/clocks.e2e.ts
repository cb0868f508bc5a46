import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { ShiftedClocks } from '../support/shifted-clock.ts';
import { Instances, outcomes, price } from './support/instances.ts';

const aheadMs = 120_000;
/** Shorter than the clocks are apart, and long enough to pay within on however busy a machine. */
const holdSeconds = 60;
const buyers = 20;

describe('three instances of which one’s machine is two minutes ahead', function () {
  this.timeout(240_000);
  let clocks: ShiftedClocks;
  let all: Instances;

  before(async function () {
    clocks = await ShiftedClocks.make();
    await clocks.set('service', aheadMs);
    const env = { HOLD_SECONDS: `${holdSeconds}` };
    const started = await Instances.start(env, (index) => (index === 0 ? clocks.env : {}));
    if (started === undefined) {
      console.log('      skipped: REDIS_URL is not set and there is no redis-server');
      return this.skip();
    }
    all = started;
    await all.schedule(2, buyers);
  });
  after(async () => {
    await all?.stop();
    await clocks?.remove();
  });

  it('sell as one: no hold ends early, and who is ahead says so at its start and in /readyz', async () => {
    const users = Array.from({ length: buyers }, (_, n) => all.user(n));
    const held = await Promise.all(
      users.map(async (user, n) => {
        await all.at(n).charge(user, 10 * price, 'one');
        const token = await all.at(n).token(user);
        const reservationId = await all.held(n, user, token, 1, n + 1);
        return { user, token, reservationId };
      }),
    );
    await eventually('all instances show them as held', async () => {
      const lists = await Promise.all([0, 1, 2].map((n) => all.seats(n, 1)));
      return lists.flat().every(({ isAvailable }) => !isAvailable);
    });
    // Never paid: it ends, by whichever of them.
    const other = all.user('other');
    await all.held(1, other, await all.at(1).token(other), 2, 1);
    const paid = await Promise.all(
      held.map(({ user, token, reservationId }, n) =>
        all.at(n + 1).pay(user, token, reservationId),
      ),
    );
    expect(outcomes(paid)).to.deep.equal({ '200': buyers });
    const { body } = await all.at(0).readyz<{ clock: object }>();
    expect(body.clock).to.include({ state: 'agrees' });
    expect((body.clock as { skewSeconds: number }).skewSeconds).to.be.closeTo(120, 1);
    expect(all.at(0).output).to.match(/ {2}clock +this machine’s clock is 120.\d s ahead/);
    const metrics = await (await fetch(`${all.at(0).adminUrl}/metrics`)).text();
    expect(metrics).to.match(/reprise_clock_skew_seconds 1(19|20)/);
    expect(all.at(1).output).not.to.contain('clock');
    await eventually(
      'the hold that is not paid ends',
      async () => (await all.seats(2, 2)).every(({ isAvailable }) => isAvailable),
      2 * holdSeconds * 1_000,
      200,
    );
    await all.expectProven();
  });
});
