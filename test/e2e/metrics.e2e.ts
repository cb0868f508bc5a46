import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { valuesOf } from '../metrics/support/admin.ts';
import { describedIn, onLinuxAlone, readTable } from '../metrics/support/table.ts';
import { eventually } from '../support/eventually.ts';
import { newTag } from '../support/tag.ts';
import { catalogFile } from './support/buyers.ts';
import { importCatalog, reprise, startReprise } from './support/command-line.ts';
import { Service } from './support/service.ts';

const concert = newTag('c');
const [buyer, poor] = [`${concert}-u1`, `${concert}-u2`];

describe('the log of a service', function () {
  this.timeout(120_000);

  it('is JSON line by line with LOG_FORMAT=json, and each line says who wrote it', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'reprise-json-'));
    const settings = { LOG_FORMAT: 'json', LOG_LEVEL: 'info', LOG_SAMPLE: '1', INSTANCE: 'one' };
    const env = { DATA_DIR: dataDir, PORT: '0', ADMIN_PORT: '0', DEMO: 'off', ...settings };
    const running = startReprise(['serve'], env);
    try {
      const lines = (): Record<string, unknown>[] => {
        const whole = running.stderr().split('\n').slice(0, -1);
        return whole.map((line) => JSON.parse(line));
      };
      const url = await eventually(
        'it says where it is',
        () => lines().find(({ part }) => part === 'API')?.msg,
        60_000,
      );
      await fetch(`${url}/concert`);
      await eventually('the request is logged', () =>
        lines().some(({ msg, path }) => msg === 'request' && path === '/concert'),
      );
      running.signal('SIGTERM');
      const { code, stdout } = await running.done;
      expect({ code, stdout }).to.deep.equal({ code: 0, stdout: '' });
      for (const line of lines())
        expect(line).to.include({ instance: 'one' }).and.have.property('version');
      expect(lines().at(-1)?.msg).to.equal('Stopped. All data is kept.');
    } finally {
      running.signal('SIGKILL');
      await running.done;
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

describe('the metrics of a service', function () {
  this.timeout(120_000);
  let service: Service;
  before(async () => {
    service = await Service.start();
    await importCatalog(catalogFile(1, concert), { DATA_DIR: service.dataDir });
    await eventually('it is on sale', async () => {
      const { status } = await service.call('GET', `/concert/${concert}/session`);
      return status === 200;
    });
  });
  after(() => service?.remove());

  const page = async () => (await fetch(`${service.adminUrl}/metrics`)).text();

  it('are those of docs/metrics.md', async () => {
    const isHere = (name: string) => process.platform === 'linux' || !onLinuxAlone.includes(name);
    const named = readTable().map(({ name }) => name);
    const exported = describedIn(await page()).map(({ name }) => name);
    expect(exported).to.have.members(named.filter(isHere));
  });

  it('count what buyers did, and show what is open', async () => {
    const token = await service.token(buyer);
    await service.charge(buyer, 1_000, 'one');
    const paid = await service.reserve(buyer, token, concert, `${concert}-1`, 'A-1-1');
    await service.pay(buyer, token, paid.body.reservationId);
    const two = await service.token(poor);
    const held = await service.reserve(poor, two, concert, `${concert}-1`, 'A-1-2');
    await service.reserve(poor, two, concert, `${concert}-1`, 'A-1-1');
    expect((await service.pay(poor, two, held.body.reservationId)).status).to.equal(402);
    // What PostgreSQL was asked for is kept for some seconds.
    const values = await eventually('the hold is shown', async () => {
      const now = valuesOf(await page());
      return (now.get('reprise_holds') ?? 0) >= 1 ? now : undefined;
    });
    expect(Object.fromEntries(values)).to.include({
      'reprise_reservations_total{outcome="held"}': 2,
      'reprise_reservations_total{outcome="seat-taken"}': 1,
      'reprise_payments_total{outcome="paid"}': 1,
      'reprise_payments_total{outcome="balance-too-small"}': 1,
      'reprise_problems_total{code="seat-taken"}': 1,
      'reprise_http_requests_total{call="payReservation",status="402"}': 1,
      reprise_holds_overdue: 0,
      reprise_refunds_due: 0,
      reprise_ready: 1,
      reprise_queue_admissions_total: 2,
      reprise_queue_places: 30,
      'reprise_dependency_up{dependency="postgres"}': 1,
      'reprise_embedded_restarts_total{server="postgres"}': 0,
    });
    const appends = 'reprise_append_duration_seconds_count{result="written"}';
    expect(values.get(appends)).to.be.greaterThan(4);
    expect(values.get('reprise_live_lag_seconds_count')).to.be.greaterThan(4);
  });

  it('know of the proof and the backup that commands made', async () => {
    // The notes of commands belong to the log of EVENTSTORE_URL.
    const env = { ...service.env, DATA_DIR: service.dataDir };
    const proof = await reprise(['verify', '--json'], env);
    const { total } = JSON.parse(proof.stdout).violations;
    const backup = await reprise(['backup', 'create'], env);
    expect(backup.code, backup.stderr).to.equal(0);
    await eventually('both are exported', async () => {
      const now = valuesOf(await page());
      const age = now.get('reprise_backup_age_seconds{mode="create"}') ?? Number.NaN;
      return now.get('reprise_verify_violations') === total && age < 60;
    });
  });

  it('need a port: one that is taken ends the start, in words', async () => {
    const { port } = new URL(service.url);
    const { code, stderr } = await reprise(['serve'], { PORT: '0', ADMIN_PORT: port });
    expect(code).to.equal(1);
    expect(stderr).to.include(`127.0.0.1:${port} is taken`).and.to.include('another ADMIN_PORT');
  });
});
