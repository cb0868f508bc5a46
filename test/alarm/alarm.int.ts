import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type AlarmConfig, readAlarmConfig } from '../../src/alarm/alarm-options.ts';
import { type JournalLine, readAlarmJournal } from '../../src/alarm/journal.ts';
import { runAlarm } from '../../src/alarm/run-alarm.ts';
import { eventually } from '../support/eventually.ts';
import { type Receiver, receive } from './support/receiver.ts';
import { healthy, type Page } from './support/simulated.ts';

/** What answers like a service, and exports what a test says. */
async function serve() {
  let page: Page = healthy(0);
  const server = createServer((req, res) => {
    if (req.url !== '/metrics') return void res.end('{}');
    const entries = Object.entries(page).filter(([name]) => name !== 'up');
    res.end(entries.map(([series, value]) => `${series} ${value}`).join('\n'));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    set: (odd: Page) => {
      page = { ...healthy(0), ...odd };
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

describe('an alarm', function () {
  this.timeout(60_000);
  let dataDir: string;
  let service: Awaited<ReturnType<typeof serve>>;
  const ends: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'reprise-alarm-'));
    service = await serve();
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await service.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const receiver = async (statusOf?: (nth: number) => number): Promise<Receiver> => {
    const one = await receive(statusOf);
    ends.push(() => one.close());
    return one;
  };

  /** Starts one that looks ten times a second. */
  const start = (env: Record<string, string>, more: Partial<AlarmConfig> = {}) => {
    const urls = { ALARM_URLS: service.url, ALARM_ADMIN_URLS: service.url };
    const config = { ...readAlarmConfig({ ...urls, ...env }, []), everyMs: 100, ...more };
    const stop = new AbortController();
    const said: JournalLine[] = [];
    const done = runAlarm({
      ...{ config, dataDir, version: '1.2.3', signal: stop.signal },
      say: (line) => said.push(line),
      onError: (what, error) => {
        throw new Error(what, { cause: error });
      },
    });
    const end = async () => {
      stop.abort();
      await done;
    };
    ends.push(end);
    return { said, end };
  };

  it('tells once that something is wrong, and once that it is over', async () => {
    const told = await receiver();
    const { said } = start({ ALARM_WEBHOOK_URLS: `${told.url}/hook` });
    service.set({ reprise_payments_open_oldest_seconds: 75.5 });
    await eventually('it is told', () => told.of('MoneyStuck').length > 0);
    const rounds = async (count: number) => {
      const before = Date.now();
      await eventually('some rounds', () => Date.now() - before > count * 100);
    };
    await rounds(10);
    expect(told.of('MoneyStuck')).to.have.length(1);
    service.set({});
    await eventually('it is over', () => told.of('MoneyStuck').length > 1);
    const [first, last] = told.of('MoneyStuck');
    expect(first).to.deep.include({
      ...{ version: '4', status: 'firing', truncatedAlerts: 0, receiver: 'reprise' },
      groupKey: '{}:{alertname="MoneyStuck"}',
      commonLabels: { alertname: 'MoneyStuck', severity: 'page' },
    });
    expect(first?.alerts[0]).to.deep.include({ status: 'firing', endsAt: '0001-01-01T00:00:00Z' });
    expect(first?.alerts[0]?.annotations).to.include({
      ...{ description: 'The value is 75.5.', runbook_url: 'docs/operations.md#moneystuck' },
    });
    expect(last?.status).to.equal('resolved');
    expect(last?.alerts[0]?.fingerprint).to.equal(first?.alerts[0]?.fingerprint);
    expect(Date.parse(last?.alerts[0]?.endsAt ?? '')).to.be.closeTo(Date.now(), 20_000);
    const kinds = said.filter(({ kind }) => kind !== 'sample').map(({ kind }) => kind);
    expect(kinds).to.deep.equal(['started', 'firing', 'resolved']);
  });

  it('tells again what goes on, after so long', async () => {
    const told = await receiver();
    start({ ALARM_WEBHOOK_URLS: `${told.url}/hook` }, { repeatMs: 500 });
    service.set({ reprise_verify_violations: 2 });
    await eventually('it is told three times', () => told.of('ProofFailed').length >= 3);
    expect(told.of('ProofFailed')[0]?.alerts[0]?.labels).to.include({ sev: '1' });
  });

  it('tries again when it is not taken, and tells nothing twice for that', async () => {
    const told = await receiver((nth) => (nth < 3 ? 503 : 200));
    start({ ALARM_WEBHOOK_URLS: `${told.url}/hook` });
    service.set({ reprise_verify_violations: 2 });
    await eventually('it is told', () => told.of('ProofFailed').length > 0);
    expect(told.asked()).to.equal(3);
  });

  it('notes what was refused for good, without the secret of the URL', async () => {
    const told = await receiver(() => 400);
    const { said } = start({ ALARM_WEBHOOK_URLS: `${told.url}/hook?key=secret` });
    service.set({ reprise_verify_violations: 2 });
    const line = await eventually('it is noted', () =>
      said.find(({ kind }) => kind === 'undelivered'),
    );
    expect(line).to.include({ to: told.url, error: '400 told' });
    expect(JSON.stringify(await readAlarmJournal(dataDir))).not.to.include('secret');
  });

  it('pushes to an Alertmanager what fires, with the dead-man’s, and beats', async () => {
    const told = await receiver();
    start({ ALARM_ALERTMANAGER_URL: `${told.url}/`, ALARM_HEARTBEAT_URL: `${told.url}/beat` });
    service.set({ reprise_verify_violations: 2 });
    const pushed = () =>
      told.taken
        .filter(({ path }) => path === '/api/v2/alerts')
        .flatMap(({ body }) => JSON.parse(body) as { labels: { alertname: string } }[]);
    const named = (name: string) => pushed().find(({ labels }) => labels.alertname === name);
    const alert = await eventually('it is pushed', () => named('ProofFailed'));
    expect(alert).to.have.all.keys('labels', 'annotations', 'startsAt', 'endsAt', 'generatorURL');
    expect(named('Watchdog')).not.to.equal(undefined);
    expect(told.taken.filter(({ path }) => path === '/beat')).to.have.length(1);
  });

  it('goes on where it was after a restart: what fires still is not told again', async () => {
    const told = await receiver();
    const env = { ALARM_WEBHOOK_URLS: `${told.url}/hook` };
    service.set({ reprise_verify_violations: 2 });
    const first = start(env);
    await eventually('it is told', () => told.of('ProofFailed').length > 0);
    await first.end();
    const second = start(env);
    await eventually('it looks again', async () =>
      (await readAlarmJournal(dataDir)).some(({ kind }) => kind === 'stopped'),
    );
    service.set({});
    await eventually('it is over', () =>
      told.of('ProofFailed').some(({ status }) => status === 'resolved'),
    );
    expect(told.of('ProofFailed').map(({ status }) => status)).to.deep.equal([
      'firing',
      'resolved',
    ]);
    await second.end();
    const journal = await readAlarmJournal(dataDir);
    const kinds = journal.map(({ kind }) => kind).filter((kind) => kind !== 'sample');
    expect(kinds).to.deep.equal([
      ...['started', 'firing', 'stopped', 'started', 'resolved', 'stopped'],
    ]);
  });
});
