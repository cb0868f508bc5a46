import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Client } from 'pg';
import { catalogFile } from './support/buyers.ts';
import { importCatalog, reprise } from './support/command-line.ts';
import { metricShown } from './support/metric-shown.ts';
import { Service } from './support/service.ts';

const openPayment = 'reprise_payments_open_oldest_seconds';

/** The table of reprise check, when everything is well. */
const recovered = /^alive +ok .*[\s\S]*^journey +ok .*[\s\S]*^proof +ok .*[\s\S]*^RECOVERED: /m;

describe('the commands after which a service must work again', function () {
  this.timeout(300_000);
  let service: Service;
  before(async () => {
    service = await Service.start({ EVENTSTORE_URL: '', POSTGRES_URL: '', REDIS_URL: '' });
    await importCatalog(catalogFile(1), { DATA_DIR: service.dataDir });
  });
  after(() => service?.remove());

  const run = (...args: string[]) => reprise(args, { DATA_DIR: service.dataDir });
  const mustRun = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args);
    expect(code, `${args.join(' ')}: ${stdout}${stderr}`).to.equal(0);
    return { stdout, stderr };
  };
  const open = ['restore', 'open', '--reason', 'a test'];

  it('say why the recovery check did not run: only a backup was read', async () => {
    await mustRun('backup', 'create');
    const { stdout } = await mustRun('backup', 'verify', '--deep');
    expect(stdout).to.match(
      /^reprise check did not run, because this command reads only the backup\. Next: .*type reprise check$/m,
    );
    expect(stdout).not.to.match(/^alive/m);
  });

  it('say why: no service runs, and the sale of a restored log is closed', async () => {
    await service.stop();
    await rm(join(service.dataDir, 'eventstore'), { recursive: true });
    const restored = await mustRun('restore', join(service.dataDir, 'backup'));
    expect(restored.stdout).to.match(
      /^reprise check did not run, because no service runs, and the sale is closed\. Next: these steps$/m,
    );
    const { stdout, stderr } = await mustRun('restore', 'reconcile', '--json');
    expect(JSON.parse(stdout.replace(/^[^{]*/, ''))).to.deep.equal({ missing: [] });
    expect(stderr).to.match(
      /^reprise check did not run, because the sale is closed\. Next: .*reprise restore open/m,
    );
  });

  it('end with it when the sale is opened, on the service that runs there', async () => {
    await service.start();
    expect(service.output).to.match(/sale +closed/);
    await mustRun('rebuild');
    const opened = await mustRun(...open);
    expect(opened.stdout)
      .to.match(/^the sale is open$/m)
      .and.match(recovered);
    expect(opened.stdout).to.include(service.url);
    const again = await mustRun(...open);
    expect(again.stdout)
      .to.match(/^the sale is already open$/m)
      .and.match(recovered);
    const without = await mustRun(...open, '--no-check');
    expect(without.stdout)
      .to.match(/did not run, because of --no-check/)
      .and.not.match(/^alive/m);
  });

  it('have its exit code: an incident is closed, but a payment is left half way', async () => {
    const { postgresUrl } = await service.servers();
    const db = new Client({ connectionString: postgresUrl });
    await db.connect();
    const incident = ['incident', 'open', 'a payment is left'];
    const close = ['incident', 'close', 'latest', '--cause', 'a test'];
    try {
      await db.query(
        `INSERT INTO payment (payment_id, user_id, reservation_id, amount, currency, status, held_at,
           hold_expires_at) VALUES ('left', 'left', 'left', 1, 'KRW', 'held',
           now() - interval '1 minute', now() + interval '1 hour')`,
      );
      await metricShown(service, openPayment, false);
      await mustRun(...incident);
      const { code, stdout } = await run(...close);
      expect(stdout)
        .to.match(/: resolved$/m)
        .and.match(/^payments +FAILED/m);
      expect(stdout).to.match(/^NOT RECOVERED: 1 failed/m);
      expect(code).to.equal(1);
    } finally {
      await db.query("DELETE FROM payment WHERE user_id = 'left'");
      await db.end();
    }
    await metricShown(service, openPayment, true);
    await mustRun(...incident);
    expect((await mustRun(...close)).stdout).to.match(recovered);
  });

  it('say what to type when no service runs there', async () => {
    await service.stop();
    const noService =
      /^reprise check did not run, because no service runs on .*\. Next: start the/m;
    expect((await mustRun(...open)).stdout).to.match(noService);
    await mustRun('incident', 'open', 'nothing runs');
    expect((await mustRun('incident', 'close', 'latest')).stdout).to.match(noService);
  });
});

describe('reprise check', function () {
  this.timeout(120_000);

  it('checks the service of DATA_DIR, whatever its ports are', async () => {
    const service = await Service.start({ EVENTSTORE_URL: '', POSTGRES_URL: '', REDIS_URL: '' });
    try {
      const { code, stdout } = await reprise(['check'], { DATA_DIR: service.dataDir });
      expect(stdout).to.match(recovered).and.include(service.url);
      expect(code).to.equal(0);
    } finally {
      await service.remove();
    }
  });
});
