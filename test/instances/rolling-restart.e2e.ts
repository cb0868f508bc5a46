import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { startBuyers } from '../e2e/support/buyers.ts';
import { Service } from '../e2e/support/service.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { askedEveryMs, startBalancer } from './support/balancer.ts';
import { Instances } from './support/instances.ts';

const drainSeconds = 3;
/** Of each balancer. */
const sessionsEach = 40;

/** A balancer, and instances behind it. */
const sites = [
  ['haproxy', 3],
  ['haproxy', 2],
  ['nginx', 3],
  ['nginx', 2],
] as const;

describe('a rolling restart behind a balancer', function () {
  this.timeout(300_000);
  let all: Instances;

  before(async function () {
    const ports = await freePorts(3);
    const started = await Instances.start({ DRAIN_SECONDS: `${drainSeconds}` }, (index) => ({
      PORT: `${ports[index]}`,
    }));
    if (started === undefined) {
      console.log('      skipped: REDIS_URL is not set and there is no redis-server');
      return this.skip();
    }
    all = started;
    await all.schedule(sites.length * sessionsEach, 60);
  });
  after(() => all?.stop());

  const isReady = async ({ url }: Service) => (await fetch(`${url}/readyz`)).status === 200;

  async function restart(service: Service): Promise<void> {
    const from = performance.now();
    const ending = service.terminate();
    await eventually('it says that it is not ready', async () => !(await isReady(service)));
    // The port is open all the while: whoever comes by a balancer that has not noticed is answered.
    expect((await fetch(`${service.url}/livez`)).status).to.equal(200);
    expect(await ending).to.equal(0);
    expect(performance.now() - from).to.be.within(drainSeconds * 1_000 - 50, 30_000);
    await service.start();
    await eventually('it is ready again', () => isReady(service));
    // The balancer has to hear of it before the next one goes.
    await sleep(3 * askedEveryMs);
  }

  for (const [index, [kind, count]] of sites.entries()) {
    it(`of ${count} instances behind ${kind} fails no request`, async function () {
      const services = all.services.slice(0, count);
      const balancer = await startBalancer(
        kind,
        services.map(({ url }) => url),
      );
      if (balancer === undefined) {
        console.log(`      skipped: there is no ${kind}`);
        return this.skip();
      }
      const through = Service.at(balancer.url);
      try {
        for (let n = 1; n <= 8; n += 1) {
          await through.charge(`buyer-${n}`, 1_000_000, `${kind}-${count}-${all.tag}`);
        }
        const sessions = Array.from(
          { length: sessionsEach },
          (_, n) => [all.tag, all.session(index * sessionsEach + n + 1)] as const,
        );
        const { acknowledged, stop } = startBuyers(through, { buyers: 8, sessions });
        await eventually('buyers pay', () => acknowledged.payments.size > 0);
        for (const service of services) await restart(service);
        await stop();
        const failed = [...acknowledged.answers].filter(
          ([answer]) => answer === 'error' || Number(answer) >= 500,
        );
        expect(failed, JSON.stringify([...acknowledged.answers])).to.deep.equal([]);
        expect(acknowledged.payments.size).to.be.greaterThan(10);
      } finally {
        await balancer.stop();
      }
    });
  }

  it('stops at once by SIGINT, and by a second signal while it drains', async () => {
    const [first, second] = all.services as [Service, Service];
    const from = performance.now();
    expect(await first.stop()).to.equal(0);
    second.signal('SIGTERM');
    await eventually('it drains', async () => !(await isReady(second)));
    expect(await second.terminate()).to.equal(0);
    expect(performance.now() - from).to.be.below(drainSeconds * 1_000);
  });
});
