import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { readAlarmConfig } from '../../src/alarm/alarm-options.ts';
import { readTable } from './support/table.ts';

interface Board {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

const table = new Map(readTable().map((metric) => [metric.name, metric]));

/** Labels that Prometheus itself gives. */
const ofPrometheus = ['instance', 'job', 'le'];

/** The metrics that a query names, without the suffixes of a histogram's series. */
function metricsOf(query: string): string[] {
  const names = query.match(/\b(?:reprise|process|nodejs)_\w+/g) ?? [];
  return names.map((name) => (table.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')));
}

/** What is wrong with a query: metrics or labels that docs/metrics.md does not have. */
function faultsOf(query: string): string[] {
  const names = metricsOf(query);
  const labels = [...ofPrometheus, ...names.flatMap((name) => table.get(name)?.labels ?? [])];
  const grouped = [...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, by = '']) => by.split(', '));
  const matched = [...query.matchAll(/[{,](\w+)=/g)].map(([, label = '']) => label);
  return [
    ...(names.length === 0 ? ['names no metric'] : []),
    ...names.filter((name) => !table.has(name)),
    ...[...grouped, ...matched].filter((label) => !labels.includes(label)),
  ];
}

describe('the board in ops/grafana', () => {
  const board: Board = JSON.parse(readFileSync('ops/grafana/reprise.json', 'utf8'));
  const targets = board.panels.flatMap(({ targets: all = [] }) => all);

  it('asks for metrics and labels that docs/metrics.md has', () => {
    const queries = [...targets, ...board.annotations.list].map(({ expr }) => expr);
    expect(queries).to.have.lengthOf.at.least(30);
    const faulty = queries.map((query) => [query, ...faultsOf(query)]).filter((one) => one[1]);
    expect(faulty).to.deep.equal([]);
  });

  it('names its lines by labels that its queries keep', () => {
    const lost = targets.filter(({ expr, legendFormat }) =>
      [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].some(
        ([, label = '']) => !new RegExp(`by \\([^)]*\\b${label}\\b`).test(expr),
      ),
    );
    expect(lost).to.deep.equal([]);
  });

  it('would be refused for a metric or a label that there is not', () => {
    expect(faultsOf('sum by (call) (rate(reprise_http_requests_total[1m]))')).to.deep.equal([]);
    expect(faultsOf('reprise_http_request_duration_seconds_bucket{le="0.3"}')).to.deep.equal([]);
    expect(faultsOf('rate(reprise_requests_total[1m])')).to.deep.equal(['reprise_requests_total']);
    expect(faultsOf('sum by (path) (reprise_problems_total{status="500"})')).to.deep.equal([
      'path',
      'status',
    ]);
    expect(faultsOf('up')).to.deep.equal(['names no metric']);
  });
});

describe('the profile observability', () => {
  const compose = readFileSync('docker-compose.yml', 'utf8');

  it('mounts files that exist', () => {
    const mounted = [...compose.matchAll(/- (\.\/[^:]+):/g)].map(([, file = '']) => file);
    expect(mounted).to.have.lengthOf(4);
    expect(mounted.filter((file) => !existsSync(file))).to.deep.equal([]);
  });

  it('passes on to the alarm whom it tells, and what it leaves out', () => {
    const [, ofAlarm = ''] = /^ {2}alarm:\n([\s\S]*?)\n\n/m.exec(compose) ?? [];
    const env = Object.fromEntries(
      [...ofAlarm.matchAll(/^ {6}(ALARM_\w+): (.+)$/gm)].map(([, name, value]) => [name, value]),
    );
    const asked = ['WEBHOOK_URLS', 'ALERTMANAGER_URL', 'HEARTBEAT_URL', 'RUNBOOK_URL', 'OFF'];
    for (const name of asked) expect(env[`ALARM_${name}`]).to.equal(`"\${ALARM_${name}:-}"`);
    // As Compose sets them when they are not given: an empty variable counts as not set.
    const empty = Object.fromEntries(asked.map((name) => [`ALARM_${name}`, '']));
    const urls = { ALARM_URLS: env.ALARM_URLS, ALARM_ADMIN_URLS: env.ALARM_ADMIN_URLS };
    const { targets, webhooks, alertmanager } = readAlarmConfig({ ...urls, ...empty }, []);
    expect({ targets, webhooks, alertmanager }).to.deep.equal({
      targets: [{ url: 'http://reprise:3000', adminUrl: 'http://reprise:3001' }],
      ...{ webhooks: [], alertmanager: undefined },
    });
  });

  it('scrapes the port that the service of docker-compose.yml has for that', () => {
    const port = /ADMIN_PORT: "(\d+)"/.exec(compose)?.[1];
    const prometheus = readFileSync('ops/prometheus/prometheus.yml', 'utf8');
    expect(prometheus).to.include(`targets: ["reprise:${port}"]`);
  });
});
