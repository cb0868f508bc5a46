import { expect } from 'chai';
import type { AlertState } from '../../src/alarm/alerts.ts';
import { Notifier } from '../../src/alarm/notifier.ts';
import type { Program } from '../../src/drill/programs.ts';
import { startReprise } from '../e2e/support/command-line.ts';
import { Service } from '../e2e/support/service.ts';
import { eventually } from '../support/eventually.ts';
import { startAlertmanager } from '../support/prometheus.ts';
import { type Receiver, receive } from './support/receiver.ts';

/** An alert, as Alertmanager's API has it. */
interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly updatedAt: string;
  readonly generatorURL: string;
  readonly status: { readonly state: string };
}

const page = 'https://wiki.example/operations';
const ringMs = 60_000;

/** Tells every alert at once, and again after a second. */
const configFor = (url: string) => `
route:
  receiver: people
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1s
receivers:
  - name: people
    webhook_configs:
      - url: ${url}/hook
        send_resolved: true
`;

describe('reprise alarm with a real Alertmanager', function () {
  this.timeout(240_000);
  let people: Receiver;
  let alertmanager: Program;

  before(async function () {
    people = await receive();
    const started = await startAlertmanager(configFor(people.url));
    if (started === undefined) return this.skip();
    alertmanager = started;
  });
  after(async () => {
    await alertmanager?.stop();
    await people?.close();
  });

  const alerts = async (name: string): Promise<readonly Alert[]> => {
    const filter = encodeURIComponent(`alertname="${name}"`);
    const answer = await fetch(`${alertmanager.url}/api/v2/alerts?filter=${filter}`);
    return (await answer.json()) as Alert[];
  };

  it('gets alerts with labels and runbook, tells people, repeats, hears the end', async () => {
    const service = await Service.start({ EVENTSTORE_URL: '' });
    const alarm = startReprise(['alarm'], {
      ...{ DATA_DIR: service.dataDir, ALARM_URLS: service.url, ALARM_EVERY_SECONDS: '1' },
      ...{ ALARM_ADMIN_URLS: service.adminUrl, ALARM_ALERTMANAGER_URL: `${alertmanager.url}/` },
      ALARM_RUNBOOK_URL: page,
    });
    try {
      await eventually(
        'the dead-man’s is there',
        async () => (await alerts('Watchdog'))[0],
        ringMs,
      );
      service.signal('SIGSTOP');
      const alert = await eventually(
        'it rings',
        async () => (await alerts('RepriseDown'))[0],
        ringMs,
      );
      expect(alert.labels).to.deep.equal({
        ...{ alertname: 'RepriseDown', severity: 'page' },
        instance: new URL(service.adminUrl).host,
      });
      expect(alert.annotations).to.deep.equal({
        summary: 'The service does not answer.',
        summary_ko: '서비스가 응답하지 않습니다.',
        description: 'The value is 0.',
        runbook_url: `${page}#reprisedown`,
      });
      expect(alert.generatorURL).to.equal(service.adminUrl);
      expect(alert.status.state).to.equal('active');
      expect(Date.parse(alert.endsAt) - Date.now()).to.be.within(200_000, 300_000);
      const told = () => people.of('RepriseDown');
      await eventually('people are told, and told again', () => told().length >= 2, ringMs);
      expect(told()[0]).to.deep.include({ version: '4', status: 'firing' });
      expect(told()[0]?.alerts[0]?.annotations).to.include({ runbook_url: `${page}#reprisedown` });
      service.signal('SIGCONT');
      await eventually('it is over', () => told().at(-1)?.status === 'resolved', ringMs);
      expect(await alerts('RepriseDown')).to.deep.equal([]);
      expect(await alerts('Watchdog')).to.have.length(1);
      expect(alarm.stdout()).not.to.include('could not send');
    } finally {
      alarm.signal('SIGKILL');
      service.signal('SIGCONT');
      await service.remove();
    }
  });

  it('is told again before it forgets an alert; without the alarm it forgets it', async () => {
    const undelivered: string[] = [];
    /** An alarm with one alert. @returns a round at a moment: until when the alert is kept */
    const roundsOf = (rule: string) => {
      const notifier = new Notifier({
        config: {
          ...{ webhooks: [], alertmanager: alertmanager.url, heartbeat: undefined },
          ...{ repeatMs: 14_400_000, runbooks: page },
        },
        onUndelivered: (_, error) => undelivered.push(error),
        signal: new AbortController().signal,
      });
      const labels = { alertname: rule, severity: 'page' };
      const activeMs = Date.now() - 600_000;
      const state: AlertState = {
        ...{ fingerprint: rule, rule, labels, activeMs, firingMs: activeMs, toldMs: activeMs },
        value: 75,
      };
      return async (nowMs: number) => {
        notifier.round([state], [], { nowMs, why: undefined, url: 'http://127.0.0.1:3001' });
        await notifier.settled();
        return Date.parse((await alerts(rule))[0]?.endsAt ?? '');
      };
    };
    const round = roundsOf('MoneyStuck');
    const nowMs = Date.now();
    const first = await round(nowMs);
    expect(first).to.equal(nowMs + 300_000);
    expect(await round(nowMs + 59_000), 'within a minute').to.equal(first);
    expect(await round(nowMs + 60_000), 'after a minute').to.equal(first + 60_000);
    // The last round of an alarm that died almost five minutes ago.
    const last = await roundsOf('DiskLow')(Date.now() - 297_000);
    expect(last).to.be.closeTo(Date.now() + 3_000, 2_000);
    await eventually('it is forgotten', async () => (await alerts('DiskLow')).length === 0, ringMs);
    expect(undelivered).to.deep.equal([]);
  });
});
