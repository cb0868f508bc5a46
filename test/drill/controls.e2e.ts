import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkRecovery } from '../../src/drill/check-recovery.ts';
import { DrillAlarm } from '../../src/drill/drill-alarm.ts';
import { type Drill, usualBounds } from '../../src/drill/drill-form.ts';
import { restoreDrill } from '../../src/drill/restore-drill.ts';
import { DrillRun } from '../../src/drill/run-drill.ts';
import { Site } from '../../src/drill/site.ts';
import { bin } from '../e2e/support/command-line.ts';

/** Nothing is broken, and two things are not as a drill needs them. */
const control: Drill = {
  name: 'control',
  about: 'a buyer claims a reservation that was never made',
  expected: 'the drill fails',
  public: { en: 'We checked our checks.', ko: '점검 절차를 점검했습니다.' },
  bounds: usualBounds,
  rings: 'EventsParked',
  site: {},
  async method({ site, act, fault, over }) {
    fault();
    await act('a fact that the log does not have', () => {
      site.acknowledged.reservations.set('c1-1.A-1-1.999', 'nobody');
    });
    over();
  },
};

/** The restore, but a backup is made only once, when the sale has begun. */
const withoutFollower: Drill = {
  ...restoreDrill,
  async prepare({ site, act }) {
    const to = join(site.service.dataDir, 'backup');
    await act('one backup', () => site.mustRun('backup', 'create', '--to', to));
  },
};

describe('a drill that must fail', function () {
  this.timeout(240_000);
  let directory: string;
  let site: Site;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'reprise-control-'));
    site = await Site.start(bin, directory, control.site);
  });
  afterEach(async () => {
    await site?.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  });

  /** @returns the drill's journal */
  async function run(drill: Drill) {
    const targets = [{ url: site.service.url, adminUrl: site.service.adminUrl }];
    const dataDir = join(directory, 'alarm');
    const alarm = new DrillAlarm({ targets, dataDir, version: 'control' });
    const options = { version: 'control', buyers: 4, say: () => {}, alarm };
    const { journal } = await new DrillRun(drill, site, options).run().finally(() => alarm.stop());
    return journal;
  }

  it('fails for facts that a restore lost, although they were listed', async () => {
    const { status, reprise: own } = await run(withoutFollower);
    const { measures, missed } = own;
    expect([status, measures.violations]).to.deep.equal(['completed', 0]);
    expect(measures.missing).not.to.be.empty;
    expect(measures.reconciled).to.be.greaterThan(0);
    const facts = missed.filter(({ kind }) => kind === 'fact').map(({ what }) => what);
    expect(facts).to.include(`${measures.missing.length} acknowledged facts are lost`);
  });

  it('fails for an acknowledged fact that the log lacks, and for an alarm that never rings', async () => {
    const journal = await run(control);
    const { measures, missed } = journal.reprise;
    expect(journal.status).to.equal('completed');
    expect(measures.missing).to.deep.equal(['reservation c1-1.A-1-1.999']);
    expect([measures.violations, measures.checkFailed]).to.deep.equal([0, []]);
    const facts = missed.filter(({ kind }) => kind === 'fact').map(({ what }) => what);
    expect(facts).to.deep.equal([
      '1 acknowledged facts are lost',
      'the alarm EventsParked did not fire',
    ]);
  });

  it('says which line of reprise check is not well', async () => {
    const { url } = site.service;
    const services = [{ url, adminUrl: 'http://127.0.0.1:1' }];
    const { failed } = await checkRecovery({ services, start: (...args) => site.start(...args) });
    expect(failed.join('\n')).to.match(/^ready unknown: /);
  });
});
