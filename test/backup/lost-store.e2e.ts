import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { startEmbeddedEventStore } from '../../embedded/eventstore/start.ts';
import { catalogFile, sessionsOf, startBuyers } from '../e2e/support/buyers.ts';
import { importCatalog, reprise } from '../e2e/support/command-line.ts';
import { serviceEnvironment } from '../e2e/support/environment.ts';
import { Service } from '../e2e/support/service.ts';
import { eventually } from '../support/eventually.ts';
import { archiveParent } from './support/archives.ts';
import { rawEventsOf } from './support/raw-events.ts';

const bin = fileURLToPath(new URL('../../bin/reprise.js', import.meta.url));
const buyers = 5;
/** Of fifty seats each: more than these buyers can buy while the test lasts. */
const sessions = 100;

describe('a shop whose event store is lost in the middle of a sale', function () {
  this.timeout(600_000);
  let service: Service;
  let parent: string;

  before(async () => {
    service = await Service.start({ EVENTSTORE_URL: '', POSTGRES_URL: '', REDIS_URL: '' });
    parent = await archiveParent();
  });
  const followers: ChildProcess[] = [];
  after(async () => {
    for (const follower of followers) follower.kill('SIGKILL');
    await service.remove();
  });

  const env = () => ({ DATA_DIR: service.dataDir });
  const run = async (...args: string[]) => {
    const ended = await reprise(args, env());
    expect(ended.code, `${args.join(' ')}: ${ended.stdout}${ended.stderr}`).to.equal(0);
    return ended.stdout;
  };

  /** `reprise backup follow`, until it is stopped. */
  function follow() {
    const args = [bin, 'backup', 'follow', '--to', parent, '--every', '0.2'];
    const child = spawn(process.execPath, args, {
      env: serviceEnvironment(env()),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    followers.push(child);
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
    });
    return {
      said: () => said,
      stop: async () => {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        expect((await ended)[0], said).to.equal(0);
      },
    };
  }

  it('is restored from what was followed, closed, reconciled, rebuilt, proven and opened', async () => {
    await importCatalog(catalogFile(sessions), env());
    for (let n = 1; n <= buyers; n += 1)
      await service.charge(`buyer-${n}`, 1_000_000, `first-${n}`);
    const following = follow();
    await eventually('it follows', () => /following the log/.test(following.said()), 60_000);
    const { acknowledged, stop } = startBuyers(service, { buyers, sessions: sessionsOf(sessions) });
    await eventually('some have bought', () => acknowledged.payments.size >= 15, 60_000);
    const safe = new Map(acknowledged.payments);
    // The service is started again, with its servers at other addresses: the archive goes on.
    await service.kill();
    await service.start();
    await eventually('more have bought', () => acknowledged.payments.size >= safe.size + 5, 60_000);
    const followed = new Map(acknowledged.payments);
    await sleep(1_500);
    await following.stop();
    // Those who bought while it stopped may be in the archive.
    const unfollowed = acknowledged.payments.size;
    await eventually('others after it', () => acknowledged.payments.size >= unfollowed + 8, 60_000);
    await stop();
    const told = new Map(acknowledged.payments);
    await eventually('the tables have it all', async () => {
      const { body } = await service.readyz<{ projection: { lagEvents: number } }>();
      return body.projection.lagEvents === 0;
    });
    await service.kill();
    await rm(join(service.dataDir, 'eventstore'), { recursive: true, force: true });

    await run('backup', 'verify', '--deep', '--to', parent);
    await run('restore', parent);
    const missing: { what: string; userId: string; id: string; before: string }[] = JSON.parse(
      (await run('restore', 'reconcile', '--json')).replace(/^[^{]*/, ''),
    ).missing;
    const lost = await lostOf(told);
    expect(lost.length).to.be.greaterThan(0);
    for (const reservationId of lost) {
      const fact = missing.find(({ what, id }) => what === 'reservation' && id === reservationId);
      expect(fact, reservationId).to.deep.include({ userId: told.get(reservationId) });
    }
    for (const reservationId of followed.keys()) expect(lost).not.to.include(reservationId);

    await service.start();
    expect(service.output).to.match(/sale +closed/);
    const charge = () => service.charge('buyer-1', 5, 'after');
    const refused = await charge();
    expect([refused.status, refused.body]).to.deep.include(503);
    expect(refused.body).to.deep.include({ code: 'sale-closed' });
    await run('rebuild');
    await eventually('lists are there', async () => {
      const { status } = await service.call('GET', '/concert/c1/session');
      return status === 200;
    });
    await run('restore', 'open', '--reason', 'the buyers of the test were called');
    await eventually('buyers may go on', async () => (await charge()).status === 200);
    const again = startBuyers(service, { buyers, sessions: sessionsOf(sessions), name: 'new' });
    await sleep(1_000);
    await again.stop();
    const given = [...again.acknowledged.reservations.keys()];
    expect(given.filter((id) => told.has(id) || !/-[0-9a-f]{8}$/.test(id))).to.deep.equal([]);
    expect(given).not.to.be.empty;
    await eventually(
      'all is settled and proven',
      async () => {
        const { code } = await reprise(['verify'], env());
        return code === 0;
      },
      60_000,
    );
  });

  /** Of what buyers were told: what the restored log does not have. */
  async function lostOf(told: ReadonlyMap<string, string>): Promise<string[]> {
    const data = join(service.dataDir, 'eventstore');
    const store = await startEmbeddedEventStore({ data });
    const log = await rawEventsOf(store.url);
    await store.stop();
    const sold = log.filter(({ type }) => type === 'SeatSold');
    const ids = sold.map(({ data }) => JSON.parse(Buffer.from(data).toString()).reservationId);
    return [...told.keys()].filter((id) => !ids.includes(id));
  }
});
