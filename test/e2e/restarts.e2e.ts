import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { verify } from '../../src/verify/verify-log.ts';
import { valuesOf } from '../metrics/support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { catalogFile, ofEachBuyer, sessionsOf, startBuyers, withToken } from './support/buyers.ts';
import { importCatalog } from './support/command-line.ts';
import { Service } from './support/service.ts';

/** Everything embedded, whatever the test run was given. */
const embedded = { POSTGRES_URL: '', EVENTSTORE_URL: '' };

/** Where each server that runs beside the service says its process id, under DATA_DIR. */
const pidFiles = {
  'event store': 'eventstore/owner.lock',
  'keeper of PostgreSQL': 'postgres/keeper.lock',
  PostgreSQL: 'postgres/data/postmaster.pid',
} as const;
type Victim = keyof typeof pidFiles;

/** Undefined while nobody, or not yet, says that it runs. */
async function pidOf(service: Service, victim: Victim): Promise<number | undefined> {
  const text = await readFile(join(service.dataDir, pidFiles[victim]), 'utf8').catch(() => '');
  const pid = /\d+/.exec(text)?.[0];
  return pid === undefined ? undefined : Number(pid);
}

/** Resolves when another one runs in its place. */
async function kill(service: Service, victim: Victim): Promise<void> {
  const pid = await eventually(`the ${victim} runs`, () => pidOf(service, victim));
  process.kill(pid, 'SIGKILL');
  const another = async () => ((await pidOf(service, victim)) ?? pid) !== pid;
  await eventually(`another ${victim} runs`, another);
}

describe('kill -9 of what runs beside the service', function () {
  this.timeout(180_000);

  describe('under load', () => {
    let service: Service;
    /** How long the service takes to start, all its servers with it. */
    let startMs: number;
    before(async () => {
      const from = Date.now();
      service = await Service.start({
        ...embedded,
        QUEUE_ADMITTED_MAX: '100',
        HOLD_SECONDS: '600',
      });
      startMs = Date.now() - from;
      await importCatalog(catalogFile(40), { DATA_DIR: service.dataDir });
    });
    after(() => service?.remove());

    const status = async (path: string) => (await service.call('GET', path)).status;

    it('is started again: 503 meanwhile, ready within 5 s, and nothing acknowledged is lost', async () => {
      for (let i = 1; i <= 5; i++) await service.charge(`buyer-${i}`, 10_000_000, 'start');
      const buyers = startBuyers(service, { buyers: 5, sessions: sessionsOf(40) });
      const { payments, answers } = buyers.acknowledged;
      for (const victim of Object.keys(pidFiles) as Victim[]) {
        const before = payments.size;
        await eventually('buyers pay', () => payments.size > before + 10);
        const from = Date.now();
        await kill(service, victim);
        expect(await status('/livez'), `the service without its ${victim}`).to.equal(200);
        await eventually('ready', async () => (await status('/readyz')) === 200);
        const readyMs = Date.now() - from;
        // Within 5 s; where even the whole start takes longer, the machine is busy with something
        // else.
        const limitMs = Math.max(5_000, startMs);
        expect(readyMs, `ms until ready after the ${victim} was killed`).to.be.lessThan(limitMs);
        const then = payments.size;
        await eventually('buyers pay again', () => payments.size > then + 10);
      }
      await buyers.stop();
      const page = await (await fetch(`${service.adminUrl}/metrics`)).text();
      for (const server of ['eventstore', 'postgres']) {
        const restarts = `reprise_embedded_restarts_total{server="${server}"}`;
        expect(valuesOf(page).get(restarts), restarts).to.be.at.least(1);
      }
      for (const code of answers.keys()) expect(code).to.be.oneOf(['200', '409', '503']);

      await ofEachBuyer(payments, async (userId, reservationId) => {
        const paid = await withToken(service, userId, (token) =>
          service.pay(userId, token, reservationId),
        );
        expect([reservationId, paid.status]).to.deep.equal([reservationId, 200]);
      });
      const servers = await service.servers();
      await eventually(
        'every payment left half way is settled, and PostgreSQL says the same as the log',
        async () => {
          const { violations, log } = await verify(servers);
          return violations.total === 0 && log.openPayments === 0;
        },
        30_000,
      );
    });
  });

  it('that ends again and again is given up: the service stops and says why', async () => {
    const service = await Service.start({ ...embedded, LOG_LEVEL: 'error' });
    try {
      for (let restarts = 1; restarts <= 5; restarts++) await kill(service, 'event store');
      const last = await eventually('it runs again', () => pidOf(service, 'event store'));
      process.kill(last, 'SIGKILL');
      expect(await service.ended()).to.equal(1);
      for (const line of ['the embedded event store keeps ending', 'Stopped.']) {
        await eventually(line, () => service.output.includes(line));
      }
    } finally {
      await service.remove();
    }
  });
});
