import { Readable } from 'node:stream';
import { expect } from 'chai';
import type { JournalLine } from '../../src/alarm/journal.ts';
import { collectFacts } from '../../src/incidents/collect.ts';
import { factsSchema, spanOf } from '../../src/incidents/facts.ts';
import { incidentOf, type TimelineLine } from '../../src/incidents/record.ts';
import { requestFacts, samplesOf } from '../../src/incidents/request-facts.ts';
import { samplesOfServiceLog } from '../../src/incidents/service-log.ts';
import { severityOf } from '../../src/incidents/severity.ts';
import { at, beganMs, sampleFacts, sampleIncident, sampleLines } from './support/sample.ts';

const alert = {
  ...({ alert: 'SaleFailing', severity: 'page', fingerprint: 'f' } as const),
  ...{ labels: {}, runbook: 'r' },
  summary: { en: 'e', ko: 'k' },
} as const;
const journal: JournalLine[] = [
  { kind: 'started', at: at(-600), version: '0.1.0', targets: ['http://127.0.0.1:1'] },
  { kind: 'firing', at: at(30), activeAt: at(5), value: 1, ...alert },
  {
    ...{ kind: 'sample', at: at(60), instance: 'a', seconds: 60, up: true, ready: false },
    ...{ version: '0.1.0', requests: 100, failed: 60, failedByCall: { reserveSeat: 50 } },
    problems: { 'seat-taken': 7, overloaded: 60 },
    ...{ reservations: { held: 10, error: 50 }, payments: { paid: 5 } },
  },
  { kind: 'sample', at: at(120), instance: 'a', seconds: 60, up: false, ready: false },
  {
    ...{ kind: 'sample', at: at(180), instance: 'a', seconds: 60, up: true, ready: true },
    ...{ requests: 10, failed: 0, restarts: 1 },
  },
  { kind: 'resolved', at: at(300), activeAt: at(5), ...alert },
];
const isFailure = (code: string) => code === 'overloaded';
const nothing = {
  requests: async () => null,
  log: async () => Promise.reject(new Error('it does not answer')),
  proof: async () => Promise.reject(new Error('it does not answer')),
  now: () => beganMs + 2_000_000,
};

describe('the facts of an incident', () => {
  it('have when it began, was noticed, eased and ended, from alarms and people', async () => {
    const lines = sampleLines().map((line) =>
      line.kind === 'opened' ? { ...line, from: undefined } : line,
    );
    const incident = incidentOf('i', lines);
    if (incident === undefined) throw new Error('no incident');
    const facts = await collectFacts(incident, { ...nothing, journal: async () => journal });
    expect(facts.lines).to.deep.equal({
      ...{ began: at(5), noticed: at(30), noticedBy: 'SaleFailing', acknowledged: at(95) },
      ...{ eased: at(780), ended: at(976) },
    });
    expect(facts.durations).to.deep.equal({
      ...{ detect: 25, acknowledge: 65, mitigate: 775, recover: 971 },
    });
    expect(facts.versions.map(({ version }) => version)).to.deep.equal(['0.1.0']);
    expect(facts.restarts.map(({ what }) => what)).to.deep.equal([
      '1 embedded server of a',
      'a is back',
    ]);
    expect(factsSchema.safeParse(facts).success).to.equal(true);
  });

  it('take what somebody marked before what was measured', async () => {
    const mark = { kind: 'note', text: 'seen', at: at(20), written: at(99), marks: 'noticed' };
    const incident = incidentOf('i', [...sampleLines(), mark as TimelineLine]);
    if (incident === undefined) throw new Error('no incident');
    const facts = await collectFacts(incident, { ...nothing, journal: async () => journal });
    expect([facts.lines.noticed, facts.lines.noticedBy]).to.deep.equal([at(20), 'people']);
  });

  it('say what could not be measured, and never 0', async () => {
    const facts = await collectFacts(sampleIncident(), { ...nothing, journal: async () => [] });
    expect([facts.alarms, facts.requests, facts.log, facts.proof]).to.deep.equal([
      ...[null, null, null, null],
    ]);
    expect(facts.unknown.map(({ what }) => what).sort()).to.deep.equal([
      ...['alarms', 'log', 'proof', 'requests'],
    ]);
    expect(facts.lines.noticedBy).to.equal('people');
  });

  it('have the version that ran, from the alarm’s samples or else from the drill', async () => {
    const ran = [{ version: '9.9.9', from: at(0), until: at(30) }];
    const versionsWith = async (lines: typeof journal) => {
      const sources = { ...nothing, journal: async () => lines, versions: async () => ran };
      return (await collectFacts(sampleIncident(), sources)).versions;
    };
    expect(await versionsWith([])).to.deep.equal(ran);
    expect(await versionsWith(journal)).not.to.be.empty.and.not.to.deep.equal(ran);
  });

  it('add up the alarm’s samples: failures by code without answers that are owed', () => {
    const span = spanOf(beganMs, beganMs + 100_000, beganMs + 900_000);
    const found = requestFacts(samplesOf(journal, isFailure), span, {
      ...{ source: 'alarm', isAtLeast: false },
    });
    expect(found).to.deep.include({
      ...{ total: 100, failed: 60, byCode: [{ code: 'overloaded', count: 60 }] },
      purchases: { total: 65, failed: 50 },
    });
    expect(found?.series.failed.reduce((sum, n) => sum + n, 0)).to.equal(60);
  });

  it('read failures off the service’s own log lines, each with how many it stands for', async () => {
    const line = (fields: object) => JSON.stringify({ time: at(10), requestId: 'r', ...fields });
    const lines = [
      'reprise 0.1.0',
      line({ status: 503, code: 'overloaded', count: 40, msg: 'unavailable' }),
      line({ status: 500, msg: 'unexpected error' }),
      line({ status: 200, msg: 'request (one of 1000)' }),
      line({ status: 200, count: 3, msg: 'slow request' }),
    ];
    const samples = await samplesOfServiceLog(Readable.from(lines));
    const span = spanOf(beganMs, beganMs + 100_000, beganMs + 900_000);
    const found = requestFacts(samples, span, { source: 'service-log', isAtLeast: true });
    expect(found).to.deep.include({ total: 1_041, failed: 41, purchases: null });
    expect(found?.byCode).to.deep.equal([
      { code: 'overloaded', count: 40 },
      { code: '500', count: 1 },
    ]);
  });
});

describe('the severity of an incident', () => {
  const { requests, log, proof } = sampleFacts;
  const acknowledged = { facts: 10, missing: [] as string[] };
  const quiet = {
    ...{
      requests: requests && { ...requests, failed: 0, series: { ...requests.series, failed: [] } },
    },
    log: log && {
      ...{ ...log, during: log.before, holds: { ...log.holds, ranOut: 0, ranOutBefore: 0 } },
      payments: { ...log.payments, leftHalfWay: 0 },
    },
    ...{ proof, acknowledged },
  };
  const of = (change: object) => severityOf({ ...quiet, ...change });

  it('is the lowest where nothing touched a buyer, or nothing is known', () => {
    expect(of({}).measured).to.equal('SEV4');
    expect(of({ requests: null, log: null, proof: null, acknowledged: null }).measured).to.equal(
      'SEV4',
    );
  });

  it('is the highest when the proof finds something, a fact is lost, or most requests fail', () => {
    expect(of({ proof: proof && { ...proof, violations: 1 } }).measured).to.equal('SEV1');
    expect(of({ acknowledged: { facts: 10, missing: ['r'] } }).measured).to.equal('SEV1');
    const most = requests && {
      ...requests,
      series: { ...requests.series, failed: series(61, 11) },
    };
    expect(of({ requests: most }).measured).to.equal('SEV1');
  });

  it('is the second for 5 % of the requests over two minutes, or money that waits', () => {
    const some = requests && { ...requests, series: { ...requests.series, failed: series(10, 5) } };
    expect(of({ requests: some }).measured).to.equal('SEV2');
    expect(
      of({ log: log && { ...log, payments: { ...log.payments, unsettled: 1 } } }).measured,
    ).to.equal('SEV2');
    const short = requests && {
      ...requests,
      series: { ...requests.series, failed: series(10, 3) },
    };
    expect(of({ requests: short }).measured).to.equal('SEV3');
  });

  /** So many failures in each of the first pieces of 30 s. */
  function series(failed: number, pieces: number): number[] {
    return (requests?.series.total ?? []).map((_, index) => (index < pieces ? failed : 0));
  }
});
